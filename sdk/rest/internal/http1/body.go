package http1

import (
	"errors"
	"io"
	"os"
	"time"
)

// framing is how far the body was read.
type framing struct {
	pool   *Pool
	kind   kind
	left   int64 // of a counted body
	chunks chunks
	close  bool  // the service closes the connection after it
	err    error // of every further read
}

func (f *framing) begin(pool *Pool, h head) {
	f.pool, f.kind, f.close, f.left = pool, h.kind, h.close, h.length
	if h.kind == empty {
		f.err = io.EOF
	}
	if h.kind == counted && h.length == 0 {
		f.kind, f.err = empty, io.EOF
	}
}

// Read implements [io.Reader]. It reads into p what came over the connection and
// decodes it there, so that a stream that waits holds no memory but p. An answer
// that was cut off is an error. The connection is given back with io.EOF, which
// comes together with the last bytes where that is known.
func (x *Exchange) Read(p []byte) (int, error) { return x.read(p, x.Idle) }

func (x *Exchange) read(p []byte, idle time.Duration) (int, error) {
	for x.body.err == nil {
		if len(p) == 0 {
			return 0, nil
		}
		n, err := x.readSome(p, idle)
		if n > 0 && err == nil {
			n, err = x.decode(p[:n])
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && x.complete():
			x.body.err = io.EOF
			x.finish()
		default:
			x.fail(err)
		}
		if n > 0 {
			return n, x.body.err
		}
	}
	return 0, x.body.err
}

// readSome reads from what came with the header, or else from the connection.
func (x *Exchange) readSome(p []byte, idle time.Duration) (int, error) {
	if x.body.kind == counted && x.body.left < int64(len(p)) {
		p = p[:x.body.left]
	}
	if x.in.start < x.in.end {
		return x.in.read(p), nil
	}
	n, err := x.conn.readWithin(p, idle)
	if n > 0 {
		return n, nil // the connection reports its end again
	}
	return 0, err
}

// decode takes the bytes of the body that stand in b and returns how many are
// data. It returns io.EOF at the end of the body.
func (x *Exchange) decode(b []byte) (int, error) {
	switch f := &x.body; f.kind {
	case counted:
		if f.left -= int64(len(b)); f.left == 0 {
			return len(b), io.EOF
		}
	case chunked:
		n, used, err := f.chunks.decode(b)
		if err != nil {
			return n, err
		}
		if f.chunks.at == atEnd {
			f.close = f.close || used < len(b) // more came than was asked for
			return n, io.EOF
		}
		return n, nil
	}
	return len(b), nil
}

// complete reports whether the end of the input is the end of the body.
func (x *Exchange) complete() bool {
	f := &x.body
	return f.kind == untilClose || f.kind == counted && f.left == 0 || f.kind == chunked && f.chunks.at == atEnd
}

// fail ends the exchange inside the body.
func (x *Exchange) fail(err error) {
	switch {
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.End(ErrIdle)
	}
	x.body.err = err
	x.abort()
}

// Drain reads on for at most d and at most max bytes, for the end of an answer of
// which nothing more is wanted: its connection can be used again then.
func (x *Exchange) Drain(d time.Duration, max int) {
	scratch := inputs.Get().(*[inputSize]byte)
	defer inputs.Put(scratch)
	until := time.Now().Add(d)
	for x.body.err == nil && max > 0 {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		n, _ := x.read(scratch[:min(max, len(scratch))], left) // the error is kept
		max -= n
	}
}
