package front

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// outputRoom is how much of an answer waits until it is written, so that a
	// small one is one write.
	outputRoom = 16 << 10
	// frameRoom is more than the fields take that are added last, and chunkRoom
	// what the line before a chunk of that size takes.
	frameRoom = 256
	chunkRoom = len("4000\r\n")
)

var outputs = sync.Pool{New: func() any {
	b := make([]byte, 0, outputRoom)
	return &b
}}

// errOver is for handlers that write although they have returned.
var errOver = errors.New("the answer was complete when the handler returned")

// response is the answer to one request. It is used by one goroutine at a time,
// but for deadlines, which any may set.
//
// What was not written yet is in out. At first that is the head as far as the
// handler made it, room for what this package adds, and the beginning of the
// body. Once the head is complete, a chunked answer has there room for the line
// before a chunk, and the chunk.
type response struct {
	c    *conn
	body *body

	header   http.Header // nil until somebody asks for it
	fields   []field     // instead of the header as long as that is nil
	room     [8]field
	status   int   // 0 until WriteHeader
	length   int64 // as declared, -1 if it was not
	written  int64
	headOnly bool // a HEAD request: no body
	last     bool // the connection ends with this answer
	full     bool // the handler may answer before it has read the body
	typed    bool // the handler said the type, or that there is none
	dated    bool
	complete bool // the head is
	chunked  bool
	over     atomic.Bool
	failed   error // writing failed

	out     *[]byte
	headEnd int // where the room begins, until the head is complete
}

// WriteHeader implements [http.ResponseWriter]. Informational answers are not
// sent.
func (w *response) WriteHeader(code int) {
	if code < 100 || code > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", code))
	}
	if w.over.Load() || code < 200 {
		return
	}
	if w.status != 0 {
		w.c.server.logf("http: superfluous response.WriteHeader call")
		return
	}
	w.status = code
	w.out = outputs.Get().(*[]byte)
	b := appendStatus((*w.out)[:0], code)
	for i := range w.fields {
		b = w.appendField(b, w.fields[i].name, w.fields[i].values[:])
	}
	for name, values := range w.header {
		b = w.appendField(b, name, values)
	}
	w.headEnd = len(b)
	*w.out = append(b, blank[:]...)
}

var blank [frameRoom]byte

// hasBody reports whether an answer with the status has a body.
func (w *response) hasBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// Write implements [http.ResponseWriter].
func (w *response) Write(p []byte) (int, error) {
	if err := w.accept(len(p)); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		if w.failed != nil {
			return n, w.failed
		}
		if w.headOnly && w.complete {
			return len(p), nil
		}
		if w.direct(p[n:]) {
			err := w.c.write(p[n:])
			if w.fail(err); err != nil {
				return n, err
			}
			return len(p), nil
		}
		n += w.add(p[n:])
	}
	return n, nil
}

// WriteString implements [io.StringWriter].
func (w *response) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// accept checks whether n more bytes may be written.
func (w *response) accept(n int) error {
	if w.over.Load() {
		return errOver
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if n == 0 {
		return nil
	}
	if !w.hasBody() {
		return http.ErrBodyNotAllowed
	}
	w.written += int64(n)
	if w.length != -1 && w.written > w.length {
		return http.ErrContentLength
	}
	return nil
}

// direct reports whether p is better written without being copied.
func (w *response) direct(p []byte) bool {
	return w.complete && !w.chunked && len(p) >= outputRoom && (w.out == nil || len(*w.out) == 0)
}

// add takes what fits of p, and writes what is there when nothing does.
func (w *response) add(p []byte) int {
	if w.out == nil {
		w.out = outputs.Get().(*[]byte)
		*w.out = (*w.out)[:0]
	}
	b := *w.out
	if len(b) == 0 && w.chunked {
		b = b[:chunkRoom]
	}
	limit := outputRoom - len("\r\n")
	if !w.complete {
		limit = max(limit, w.headEnd+frameRoom+outputRoom/2) // the head may be large
	}
	n := min(len(p), limit-len(b))
	*w.out = append(b, p[:n]...)
	if n < len(p) {
		w.push(false)
	}
	return n
}

// push writes what is there; end is true if nothing follows.
func (w *response) push(end bool) {
	if w.failed != nil {
		return
	}
	start := 0
	switch {
	case !w.complete:
		start = w.completeHead(end)
	case w.chunked && w.out != nil && len(*w.out) > chunkRoom:
		start = chunkRoom - w.sealChunk(chunkRoom)
	}
	if end && w.chunked {
		w.reserve()
		*w.out = append(*w.out, "0\r\n\r\n"...)
	}
	if w.out == nil || len(*w.out) <= start {
		return
	}
	err := w.c.write((*w.out)[start:])
	*w.out = (*w.out)[:0]
	w.fail(err)
}

// reserve makes sure that there is an output.
func (w *response) reserve() {
	if w.out == nil {
		w.out = outputs.Get().(*[]byte)
		*w.out = (*w.out)[:0]
	}
}

// sealChunk makes a chunk of what begins at start: it puts the line with the
// size before it, and an end behind it. It returns the size of that line.
func (w *response) sealChunk(start int) int {
	var line [16]byte
	head := append(strconv.AppendInt(line[:0], int64(len(*w.out)-start), 16), '\r', '\n')
	copy((*w.out)[start-len(head):], head)
	*w.out = append(*w.out, '\r', '\n')
	return len(head)
}

// fail notes that the client cannot be written to: it is gone.
func (w *response) fail(err error) {
	if err != nil && w.failed == nil {
		w.failed = err
		w.c.leave()
	}
}

// release gives the output's memory back.
func (w *response) release() {
	if w.out == nil {
		return
	}
	if cap(*w.out) <= 2*outputRoom {
		outputs.Put(w.out)
	}
	w.out = nil
}

// Flush implements [http.Flusher].
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is Flush for [http.ResponseController]. An answer that waits for
// more holds no memory for it afterwards.
func (w *response) FlushError() error {
	if w.over.Load() {
		return errOver
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.push(false)
	w.release()
	return w.failed
}

// SetReadDeadline is for [http.ResponseController].
func (w *response) SetReadDeadline(t time.Time) error {
	if w.over.Load() {
		return errOver
	}
	w.c.setReadDeadline(t)
	return nil
}

// SetWriteDeadline is for [http.ResponseController].
func (w *response) SetWriteDeadline(t time.Time) error {
	if w.over.Load() {
		return errOver
	}
	return w.c.setWriteDeadline(t)
}

// EnableFullDuplex is for [http.ResponseController].
func (w *response) EnableFullDuplex() error {
	w.full = true
	return nil
}

// finish completes the answer and reports whether the connection can be used
// for another request.
func (w *response) finish() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.push(true)
	w.over.Store(true)
	w.release()
	short := !w.headOnly && w.hasBody() && w.length != -1 && w.length != w.written
	if w.failed != nil || short {
		w.cut()
		return false
	}
	again := !w.last && w.body.drain()
	_ = w.body.Close()
	if !again && w.body.remains() {
		w.c.linger()
	}
	return again && w.c.clearWriteDeadline()
}

// abort ends the answer where it stands.
func (w *response) abort() {
	w.over.Store(true)
	w.release()
	w.cut()
}

// cut closes the connection. Somebody may still be reading the body; the end of
// the connection makes that return.
func (w *response) cut() {
	_ = w.c.nc.Close()
	_ = w.body.Close()
}
