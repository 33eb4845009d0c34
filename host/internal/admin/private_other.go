//go:build !unix

package admin

import "syscall"

// private does nothing where sockets have no mode; their folder protects them.
func private(_, _ string, _ syscall.RawConn) error { return nil }
