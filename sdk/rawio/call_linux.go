//go:build linux && !race

package rawio

import (
	"syscall"
	"unsafe"
)

// Read reads once, 64 KiB at most, from a descriptor that does not wait. 0 without an
// error is the end; [syscall.EAGAIN] says that there is nothing now.
func Read(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_READ, fd, p) }

// Write writes once to a descriptor that does not wait. It may take a part of p, and
// takes 64 KiB at most; [syscall.EAGAIN] says that there is no room now.
func Write(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_WRITE, fd, p) }

// most is the largest piece, in bytes, that is handed over without telling the
// scheduler. To copy more takes the kernel longer than telling it.
const most = 64 << 10

// call makes one system call, and again if a signal came between.
func call(number, fd uintptr, p []byte) (int, error) {
	p = p[:min(len(p), most)]
	for {
		n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
