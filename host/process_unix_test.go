//go:build unix

package host_test

import (
	"os"
	"syscall"
)

// isGone reports whether a process has ended and was waited for.
func isGone(p *os.Process) bool { return p.Signal(syscall.Signal(0)) != nil }
