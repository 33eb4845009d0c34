// Package session carries many calls of a plugin as frames on one gRPC stream,
// the RPC Session of backplane.provider.v1.
package session
