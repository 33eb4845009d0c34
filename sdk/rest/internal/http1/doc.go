// Package http1 speaks HTTP/1.1 to one service in plain text, for package rest.
package http1
