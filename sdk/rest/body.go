package rest

import (
	"errors"
	"io"
)

// body reads an answer and types its errors.
type body struct {
	x      *exchange
	decode func(io.Reader) (io.Reader, error) // nil if it was done, or need not be
	read   io.Reader                          // what decode made of the exchange
	n      int64
	err    error
}

// Read implements [io.Reader]; its errors are io.EOF and [*provider.Error].
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.readDecoded(p)
	b.n += int64(n)
	if err != nil {
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = b.x.readFailure(err, b.n)
		}
		b.err = err
		b.x.end(errClosed) // nothing more comes: let go of the context
	}
	return n, err
}

func (b *body) readDecoded(p []byte) (int, error) {
	if b.decode != nil {
		decoded, err := b.decode(b.x)
		if err != nil {
			return 0, err
		}
		b.read, b.decode = decoded, nil
	}
	if b.read != nil {
		return b.read.Read(p)
	}
	return b.x.Read(p)
}

// drain waits for a moment for the end of the answer.
func (b *body) drain() {
	if b.err == nil {
		b.x.drain()
	}
}
