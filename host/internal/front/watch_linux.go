package front

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// watcher tells of connections whose clients have left, or do not send any
// more. It is one set of the system's for all connections: each is put in once,
// costs nothing while its client stays, and drops out when it is closed.
type watcher struct {
	set *os.File
	raw syscall.RawConn
}

// newWatcher makes an empty set.
func newWatcher() (*watcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	// A set can be waited for like a socket, so the runtime does: the goroutine
	// that waits does not take a thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make the epoll set non-blocking: %w", err)
	}
	set := os.NewFile(uintptr(fd), "epoll")
	raw, err := set.SyscallConn()
	if err != nil {
		_ = set.Close()
		return nil, fmt.Errorf("use the epoll set: %w", err)
	}
	return &watcher{set: set, raw: raw}, nil
}

// add begins to watch a connection, of which run will tell by its id.
func (w *watcher) add(c syscall.RawConn, id uint64) error {
	var err error
	event := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	inner := w.raw.Control(func(set uintptr) {
		outer := c.Control(func(fd uintptr) {
			err = unix.EpollCtl(int(set), unix.EPOLL_CTL_ADD, int(fd), &event)
		})
		err = errors.Join(err, outer)
	})
	return errors.Join(err, inner)
}

// run calls gone for each connection whose client leaves, until close.
func (w *watcher) run(gone func(id uint64)) {
	var events [128]unix.EpollEvent
	for {
		n := 0
		err := w.raw.Read(func(set uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(set), events[:], 0)
			return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
		})
		if err != nil || n < 0 {
			return
		}
		for _, e := range events[:n] {
			gone(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32)
		}
	}
}

// close ends run.
func (w *watcher) close() { _ = w.set.Close() }
