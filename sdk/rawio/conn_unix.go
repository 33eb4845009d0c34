//go:build unix

package rawio

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// conn is a connection of Go's own that reads and writes by this package.
type conn struct {
	*net.UnixConn // closed, and of use for its addresses alone, once there is own
	raw           syscall.RawConn
	own           *polled // see [Detach]
	reads, writes half
}

// half is one direction of a connection. Its function for [syscall.RawConn] is made
// once, so that no call allocates.
type half struct {
	mu   sync.Mutex
	try  func(fd uintptr) bool
	wait func(try func(fd uintptr) bool) error // calls try until it says true

	// Of the current call.
	p   []byte
	n   int
	err error
}

// Wrap returns a connection that reads and writes nc by this package if nc is a
// socket of Go's own for the domain unix, and nc itself else. It behaves as nc:
// several goroutines can use it, deadlines hold.
func Wrap(nc net.Conn) net.Conn {
	socket, ok := nc.(*net.UnixConn)
	if !ok {
		return nc
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nc
	}
	c := &conn{UnixConn: socket, raw: raw}
	c.reads.try, c.writes.try = c.reads.read, c.writes.write
	c.reads.wait, c.writes.wait = raw.Read, raw.Write
	return c
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	h := &c.reads
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := h.do(p)
	if err == nil && n == 0 && len(p) > 0 {
		err = io.EOF
	}
	return n, c.failure("read", err)
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	h := &c.writes
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := h.do(p)
	return n, c.failure("write", err)
}

// failure is err as [net.UnixConn] reports it. What [syscall.RawConn] says has that
// form already.
func (c *conn) failure(op string, err error) error {
	if err == nil {
		return nil
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, io.EOF), errors.As(err, new(*net.OpError)):
		return err
	case errors.As(err, &errno):
		err = os.NewSyscallError(op, errno)
	case !errors.Is(err, os.ErrDeadlineExceeded):
		err = net.ErrClosed // by any other name
	}
	return &net.OpError{Op: op, Net: "unix", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// do reads into p or writes it.
func (h *half) do(p []byte) (int, error) {
	h.p, h.n, h.err = p, 0, nil
	err := h.wait(h.try)
	h.p = nil
	if err == nil {
		err = h.err
	}
	return h.n, err
}

// read reads once, and says false if there is nothing.
func (h *half) read(fd uintptr) bool {
	h.n, h.err = Read(fd, h.p)
	return !errors.Is(h.err, syscall.EAGAIN)
}

// write writes all that is left, and says false if there is no room for it.
func (h *half) write(fd uintptr) bool {
	for h.n < len(h.p) {
		n, err := Write(fd, h.p[h.n:])
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil:
			h.err = err
			return true
		case n == 0: // a kernel that takes nothing and says nothing
			h.err = io.ErrUnexpectedEOF
			return true
		}
		h.n += n
	}
	return true
}
