package http1

import (
	"errors"
	"net"
	"os"
	"time"
)

// conn is a connection to the service. One exchange at a time uses it.
type conn struct {
	net.Conn
	fast *descriptor // nil if the kernel cannot be asked without waiting
	kill func()      // closes the connection; made once, for the end of a context
	// bound is the read deadline that the goroutine which reads has set, zero for
	// none. An earlier one may hold, since a passed deadline is looked at again.
	bound time.Time
	since time.Time // of the idle connection in the pool
}

func newConn(nc net.Conn) *conn {
	c := &conn{Conn: nc, fast: newDescriptor(nc)}
	c.kill = c.close
	return c
}

// close is safe from any goroutine. What a second close reports is of no use.
func (c *conn) close() { _ = c.Conn.Close() }

// alive reports whether an idle connection can carry a request: whether it is
// open and nothing arrived that nobody asked for.
func (c *conn) alive() bool {
	if c.fast == nil {
		return false
	}
	silent, err := c.fast.silent()
	if errors.Is(err, os.ErrDeadlineExceeded) { // that of an earlier answer
		c.setBound(time.Time{})
		silent, _ = c.fast.silent() // it is dead, whatever is wrong
	}
	return silent
}

// write sends as much of p as the kernel takes without waiting. It takes nothing
// where the kernel cannot be asked.
func (c *conn) write(p []byte) (int, error) {
	if c.fast == nil {
		return 0, nil
	}
	return c.fast.write(p)
}

// read is the Read of [net.Conn].
func (c *conn) read(p []byte) (int, error) {
	if c.fast == nil {
		return c.Read(p)
	}
	return c.fast.read(p)
}

// setBound sets the read deadline; zero is none.
func (c *conn) setBound(until time.Time) {
	c.bound = until
	_ = c.SetReadDeadline(until) // fails if the connection is closed, as the read will
}

// readWithin reads once and waits for at most d for data, without bound if d is
// 0. Going over it is [os.ErrDeadlineExceeded].
//
// The deadline of the connection is not moved with each read: it is left where
// it is, and moved when it passes while there is time left. A stream whose
// chunks come every few milliseconds sets it once in d.
func (c *conn) readWithin(p []byte, d time.Duration) (int, error) {
	if d <= 0 {
		return c.readUntil(p, func() time.Time { return time.Time{} })
	}
	until := time.Now().Add(d)
	if c.bound.IsZero() || c.bound.After(until) {
		c.setBound(until)
	}
	return c.readUntil(p, func() time.Time { return until })
}

// readUntil reads once. Whenever the deadline of the connection has passed, it
// asks for the time that counts, zero for none.
func (c *conn) readUntil(p []byte, until func() time.Time) (int, error) {
	for {
		n, err := c.read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		at := until()
		if !at.IsZero() && !time.Now().Before(at) {
			return 0, os.ErrDeadlineExceeded
		}
		c.setBound(at)
	}
}
