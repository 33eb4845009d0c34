//go:build unix && (!linux || race)

package rawio

import (
	"errors"
	"syscall"
)

// Read reads once from a descriptor that does not wait. 0 without an error is the
// end.
func Read(fd uintptr, p []byte) (int, error) { return again(syscall.Read, fd, p) }

// Write writes once to a descriptor that does not wait, which may take a part of p.
func Write(fd uintptr, p []byte) (int, error) { return again(syscall.Write, fd, p) }

// again makes one system call, and again if a signal came between.
func again(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		switch {
		case err == nil:
			return n, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}
