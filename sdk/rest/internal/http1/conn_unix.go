//go:build unix

package http1

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// Supported reports whether the package works on this system: it must be able
// to ask the kernel about a connection without waiting.
const Supported = true

// descriptor asks the kernel about a connection without waiting. The functions
// that [syscall.RawConn] calls are made once, so that no call allocates.
type descriptor struct {
	raw             syscall.RawConn
	writing, asking func(fd uintptr) bool

	// Of the current call.
	rest []byte
	n    int
	err  error
	one  [1]byte
}

// newDescriptor returns nil for connections of other kinds than Go's own: what
// wraps one may want to see what is written.
func newDescriptor(nc net.Conn) *descriptor {
	var raw syscall.RawConn
	var err error
	switch c := nc.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	d := &descriptor{raw: raw}
	d.writing, d.asking = d.writeNow, d.readNow
	return d
}

// write sends as much of p as the kernel takes at once.
func (d *descriptor) write(p []byte) (int, error) {
	d.rest, d.n, d.err = p, 0, nil
	err := d.raw.Write(d.writing)
	d.rest = nil
	if err == nil {
		err = d.err
	}
	return d.n, err
}

func (d *descriptor) writeNow(fd uintptr) bool {
	for len(d.rest) > 0 {
		n, err := syscall.Write(int(fd), d.rest)
		switch {
		case n > 0:
			d.n += n
			d.rest = d.rest[n:]
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err == nil:
			d.err = io.ErrUnexpectedEOF // a kernel that takes nothing and says nothing
			return true
		default:
			d.err = err
			return true
		}
	}
	return true
}

// silent reports whether the connection is open and has nothing to read. The
// error says why it could not be asked.
func (d *descriptor) silent() (bool, error) {
	d.err = nil
	err := d.raw.Read(d.asking)
	return err == nil && errors.Is(d.err, syscall.EAGAIN), err
}

// readNow reads a byte. There must be none, so that none is lost.
func (d *descriptor) readNow(fd uintptr) bool {
	for {
		_, d.err = syscall.Read(int(fd), d.one[:])
		if !errors.Is(d.err, syscall.EINTR) {
			return true
		}
	}
}
