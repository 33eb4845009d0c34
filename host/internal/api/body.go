package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// drainBytes and drainTime bound how much of an unwanted body is read, so
	// that the caller hears why, and can use the connection again.
	drainBytes = 64 << 20
	drainTime  = 10 * time.Second
	// slowest is the rate in bytes a second that a body is expected to come at in
	// the long run, pauses the time that it may lose besides: while it comes, it
	// takes memory that others wait for.
	slowest = 64 << 10
	pauses  = 2 * time.Minute
)

// readBody reads the body as a whole, within the limit and the memory for all
// bodies. The caller releases the buffer, unless something may still use it.
func (x *exchange) readBody() (*buffer, error) {
	if err := x.checkEncoding(); err != nil {
		return nil, err
	}
	limit := x.opts.MaxBodyBytes
	if x.r.ContentLength > limit {
		return nil, x.tooLarge(limit)
	}
	// A limit that cannot be read is complained about when the body is there.
	patience, _ := parseTimeout(first(x.r.Header, "X-Backplane-Timeout"))
	room := roomFor(max(0, x.r.ContentLength) + 1) // one more, so that the end is seen
	if err := x.share.Reserve(x.r.Context(), x.opts.Bodies, room, patience); err != nil {
		return nil, x.noRoom(err)
	}
	b := getBuffer(room)
	if err := x.fill(b, limit); err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

// noRoom is the error for a body for which there was no memory.
func (x *exchange) noRoom(err error) error {
	x.share.Release()
	x.drain()
	return err
}

// checkEncoding refuses compressed bodies: they would have to be unpacked to be
// peeked at, and a small one can unpack to a huge one.
func (x *exchange) checkEncoding() error {
	encoding := first(x.r.Header, "Content-Encoding")
	if encoding == "" || strings.EqualFold(encoding, "identity") {
		return nil
	}
	x.drain()
	return &problem{status: http.StatusUnsupportedMediaType, kind: kindInvalid, code: "unsupported_content_encoding",
		message: fmt.Sprintf("content encoding %.40q is not supported; send the body as it is, without Content-Encoding", encoding)}
}

// fill reads the body to its end. Reaching the end matters beyond the bytes:
// only then does net/http watch for the caller to disconnect.
func (x *exchange) fill(b *buffer, limit int64) error {
	control, start := http.NewResponseController(x.w), time.Now()
	for now := start; ; now = time.Now() {
		wait := x.readLimit(now.Sub(start))
		x.watch(control, now, wait)
		n, err := x.r.Body.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if int64(len(b.data)) > limit {
			return x.tooLarge(limit)
		}
		if errors.Is(err, io.EOF) {
			x.unwatch(control)
			return nil
		}
		if err != nil {
			// The deadline stays: net/http wants to read the rest, and must not
			// wait for it.
			x.w.Header().Set("Connection", "close")
			if errors.Is(err, os.ErrDeadlineExceeded) && wait < x.opts.ReadTimeout {
				return x.tooSlow(len(b.data), time.Since(start))
			}
			return x.brokenBody(len(b.data), err)
		}
		if len(b.data) == cap(b.data) {
			if err := x.grow(b, limit); err != nil {
				return err
			}
		}
	}
}

// wholeLimit is the time that the whole body may take.
func (x *exchange) wholeLimit() time.Duration {
	size := x.r.ContentLength
	if size < 0 {
		size = x.opts.MaxBodyBytes
	}
	return pauses + time.Duration(size/slowest)*time.Second
}

// readLimit is the time that the next bytes of a body may take which is read for
// a time; as with Options, negative is no limit.
func (x *exchange) readLimit(elapsed time.Duration) time.Duration {
	if x.opts.ReadTimeout <= 0 {
		return x.opts.ReadTimeout
	}
	return max(1, min(x.opts.ReadTimeout, x.wholeLimit()-elapsed))
}

// tooSlow is the error for a body that came too slowly.
func (x *exchange) tooSlow(got int, took time.Duration) error {
	return &problem{status: http.StatusRequestTimeout, kind: kindInvalid, code: "timeout",
		message: fmt.Sprintf("only %d bytes of the body arrived in %s; at least %d bytes a second are expected", got, took.Round(time.Second), slowest)}
}

// grow doubles the memory of a body of unknown length.
func (x *exchange) grow(b *buffer, limit int64) error {
	room := roomFor(min(2*int64(cap(b.data)), limit+1))
	if err := x.share.Grow(x.r.Context(), room-int64(cap(b.data))); err != nil {
		return x.noRoom(err)
	}
	b.data = append(make([]byte, 0, room), b.data...)
	return nil
}

// watch bounds the next read of the body, which begins now.
func (x *exchange) watch(control *http.ResponseController, now time.Time, limit time.Duration) {
	if limit > 0 {
		// Readers that know no deadlines, as in tests, go without.
		_ = control.SetReadDeadline(now.Add(limit))
	}
}

// unwatch lifts the bound.
func (x *exchange) unwatch(control *http.ResponseController) {
	_ = control.SetReadDeadline(time.Time{})
}

// brokenBody is the error for a body that stopped short.
func (x *exchange) brokenBody(got int, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &problem{status: http.StatusRequestTimeout, kind: kindInvalid, code: "timeout",
			message: fmt.Sprintf("the body stopped after %d bytes: nothing arrived for %s", got, x.opts.ReadTimeout)}
	}
	return invalid("", fmt.Sprintf("the body broke off after %d bytes: %v", got, err))
}

// tooLarge answers a body over the limit, after reading on so that the caller,
// which may not listen before it has sent everything, gets to hear it.
func (x *exchange) tooLarge(limit int64) error {
	x.drain()
	message := fmt.Sprintf("the body is larger than %d bytes, the most that is taken", limit)
	if n := x.r.ContentLength; n > 0 {
		message = fmt.Sprintf("the body has %d bytes; at most %d are taken", n, limit)
	}
	return &problem{status: http.StatusRequestEntityTooLarge, kind: kindInvalid, code: "too_large", message: message}
}

// drain reads and forgets the rest of the body, within bounds. Beyond them the
// connection is closed after the answer.
func (x *exchange) drain() {
	if first(x.r.Header, "Expect") != "" {
		return // the caller waits for a word before it sends; net/http closes
	}
	if x.r.ContentLength <= drainBytes {
		control := http.NewResponseController(x.w)
		x.watch(control, time.Now(), drainTime)
		_, err := io.CopyN(io.Discard, x.r.Body, drainBytes)
		x.unwatch(control)
		if errors.Is(err, io.EOF) {
			return
		}
	}
	x.w.Header().Set("Connection", "close")
}
