//go:build unix && (!linux || race)

package rawio

import (
	"errors"
	"syscall"
)

// Read reads once, 64 KiB at most, from a descriptor that does not wait. 0 without an
// error is the end; [syscall.EAGAIN] says that there is nothing now.
func Read(fd uintptr, p []byte) (int, error) { return again(syscall.Read, fd, p) }

// Write writes once to a descriptor that does not wait. It may take a part of p, and
// takes 64 KiB at most; [syscall.EAGAIN] says that there is no room now.
func Write(fd uintptr, p []byte) (int, error) { return again(syscall.Write, fd, p) }

const most = 64 << 10

// again makes one system call, and again if a signal came between.
func again(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	p = p[:min(len(p), most)]
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
