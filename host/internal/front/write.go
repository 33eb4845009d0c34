package front

import (
	"errors"
	"io"
	"syscall"

	"github.com/backplane-dev/backplane/sdk/rawio"
)

// writer writes to a connection, by one goroutine at a time. Its function for
// [syscall.RawConn] is made once, so that no write allocates.
type writer struct {
	try  func(fd uintptr) bool
	rest []byte
	err  error
}

// write sends all of p, however long the client takes for it.
func (c *conn) write(p []byte) error {
	c.out.rest, c.out.err = p, nil
	err := c.raw.Write(c.out.try)
	c.out.rest = nil
	if err == nil {
		err = c.out.err
	}
	return err
}

// write writes all that is left, and says false if there is no room for it. It is
// called by the runtime, when there may be some.
func (w *writer) write(fd uintptr) bool {
	for len(w.rest) > 0 {
		n, err := rawio.Write(fd, w.rest)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err == nil && n == 0: // a kernel that takes nothing and says nothing
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			w.err = err
			return true
		}
		w.rest = w.rest[n:]
	}
	return true
}
