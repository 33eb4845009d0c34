//go:build unix

package http1

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/backplane-dev/backplane/sdk/rawio"
)

// Supported reports whether the package works on this system: it must be able
// to ask the kernel about a connection without waiting.
const Supported = true

// descriptor reads and writes a connection by system calls that do not wait, and
// that Go's scheduler is not told of: see package rawio. The functions that
// [syscall.RawConn] calls are made once, so that no call allocates.
type descriptor struct {
	conn                     net.Conn
	raw                      syscall.RawConn
	writing, reading, asking func(fd uintptr) bool

	// Of the current call.
	p   []byte
	n   int
	err error
	one [1]byte
}

// newDescriptor returns nil for connections of other kinds than Go's own: what
// wraps one may want to see what is read and written.
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
	d := &descriptor{conn: nc, raw: raw}
	d.writing, d.reading, d.asking = d.writeNow, d.readNow, d.ask
	return d
}

// write sends as much of p as the kernel takes at once.
func (d *descriptor) write(p []byte) (int, error) {
	return d.do("write", d.raw.Write, d.writing, p)
}

// read is the Read of [net.Conn]: it waits for data, up to the deadline.
func (d *descriptor) read(p []byte) (int, error) {
	n, err := d.do("read", d.raw.Read, d.reading, p)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// do makes one call.
func (d *descriptor) do(op string, call func(func(uintptr) bool) error, try func(uintptr) bool, p []byte) (int, error) {
	d.p, d.n, d.err = p, 0, nil
	err := call(try)
	d.p = nil
	if err == nil && d.err == nil {
		return d.n, nil
	}
	return d.n, d.failure(op, err)
}

// failure is the error that [net.Conn] would report. waited is what RawConn said:
// a deadline that passed, or that the connection is closed.
func (d *descriptor) failure(op string, waited error) error {
	err := os.NewSyscallError(op, d.err)
	var outer *net.OpError
	if errors.As(waited, &outer) {
		err = outer.Err
	} else if waited != nil {
		err = waited
	}
	local := d.conn.LocalAddr()
	return &net.OpError{Op: op, Net: local.Network(), Source: local, Addr: d.conn.RemoteAddr(), Err: err}
}

func (d *descriptor) writeNow(fd uintptr) bool {
	for d.n < len(d.p) {
		n, err := rawio.Write(fd, d.p[d.n:])
		switch {
		case n > 0:
			d.n += n
		case err == nil:
			d.err = io.ErrUnexpectedEOF // a kernel that takes nothing and says nothing
			return true
		default:
			if !errors.Is(err, syscall.EAGAIN) {
				d.err = err
			}
			return true
		}
	}
	return true
}

func (d *descriptor) readNow(fd uintptr) bool {
	d.n, d.err = rawio.Read(fd, d.p)
	return !errors.Is(d.err, syscall.EAGAIN)
}

// silent reports whether the connection is open and has nothing to read. The
// error says why it could not be asked.
func (d *descriptor) silent() (bool, error) {
	d.err = nil
	err := d.raw.Read(d.asking)
	return err == nil && errors.Is(d.err, syscall.EAGAIN), err
}

// ask reads a byte. There must be none, so that none is lost.
func (d *descriptor) ask(fd uintptr) bool {
	_, d.err = rawio.Read(fd, d.one[:])
	return true
}
