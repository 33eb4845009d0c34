package rest

import (
	"errors"
	"io"
	"time"
)

// body reads an answer, watches its silence and types its errors.
type body struct {
	x      *exchange
	src    io.ReadCloser
	decode func(io.Reader) (io.Reader, error)
	read   io.Reader // src, or what decode made of it
	timer  *time.Timer
	n      int64
	err    error
}

func newBody(x *exchange, src io.ReadCloser) *body {
	b := &body{x: x, src: src, read: src}
	if x.client.idle > 0 {
		b.timer = time.AfterFunc(x.client.idle, func() { x.cancel(errIdle) })
		b.timer.Stop()
	}
	return b
}

// Read implements [io.Reader]; its errors are io.EOF and [*provider.Error].
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.timer != nil {
		b.timer.Reset(b.x.client.idle)
		defer b.timer.Stop()
	}
	n, err := b.readDecoded(p)
	b.n += int64(n)
	if err != nil {
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = b.x.readFailure(err, b.n)
		}
		b.err = err
		b.x.cancel(errClosed) // nothing more comes: let go of the context
	}
	return n, err
}

func (b *body) readDecoded(p []byte) (int, error) {
	if b.decode != nil {
		decoded, err := b.decode(b.src)
		if err != nil {
			return 0, err
		}
		b.read, b.decode = decoded, nil
	}
	return b.read.Read(p)
}

// drain reads on for at most the given time and number of bytes.
func (b *body) drain(limit time.Duration, bytes int64) {
	if b.err != nil {
		return
	}
	stop := time.AfterFunc(limit, func() { b.x.cancel(errClosed) })
	defer stop.Stop()
	_, _ = io.CopyN(io.Discard, b.read, bytes) // whatever comes, it is over
}

// Close implements [io.Closer].
func (b *body) Close() {
	b.x.cancel(errClosed)
	_ = b.src.Close() // only says that the connection is gone already
}
