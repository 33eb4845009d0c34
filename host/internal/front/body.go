package front

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// drainBytes is how much of a body that the handler left is read, so that the
	// connection can be used again. It is net/http's number.
	drainBytes = 256 << 10
	// drainTime bounds that reading if the handler has set no deadline.
	drainTime = 5 * time.Second
)

// body is the body of one request; its length is known. Reading is safe beside
// the end of the exchange, which closes it.
type body struct {
	c *conn

	mu     sync.Mutex
	left   int64 // bytes not read
	closed bool
	err    error // of the connection, for good
}

// Read implements [io.Reader]. The end comes with the last bytes.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// read reads on; mu is held.
func (b *body) read(p []byte) (int, error) {
	switch {
	case b.left == 0:
		return 0, io.EOF
	case b.err != nil:
		return 0, b.err
	case len(p) == 0:
		return 0, nil
	}
	n, err := b.c.read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if b.left == 0 {
		return n, io.EOF
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, err
}

// Close implements [io.Closer]. What is left is read when the exchange ends.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// drain reads what the handler left, and reports whether the connection stands
// at the end of the body.
func (b *body) drain() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return true
	}
	if b.left > drainBytes || b.err != nil {
		return false
	}
	b.c.boundRead(drainTime)
	b.left -= b.c.skip(b.left)
	for forgotten := []byte(nil); b.left > 0; {
		if forgotten == nil {
			forgotten = make([]byte, 4<<10)
		}
		if _, err := b.read(forgotten); err != nil && b.left > 0 {
			return false
		}
	}
	return true
}

// remains reports whether bytes of the body were not read.
func (b *body) remains() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left > 0
}
