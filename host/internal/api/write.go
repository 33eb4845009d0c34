package api

import (
	"net/http"
	"strconv"
	"time"
)

const (
	// easyWrite is how much surely fits into buffers: writing it does not wait
	// for the caller, so it needs no deadline.
	easyWrite = 16 << 10
	// writePiece is how much of a whole answer is written under one deadline.
	writePiece = 256 << 10
)

// write sends a whole answer.
func (x *exchange) write(code int, contentType string, body []byte) {
	x.set("Content-Type", contentType)
	x.set("Content-Length", strconv.Itoa(len(body)))
	x.began = true
	x.w.WriteHeader(code)
	if len(body) <= easyWrite {
		// A failure means that the caller left; nobody is there to be told.
		_, _ = x.w.Write(body)
		return
	}
	d := newDeadline(x.w, x.opts.WriteTimeout)
	for len(body) > 0 {
		piece := body[:min(len(body), writePiece)]
		d.arm(time.Now())
		if _, err := x.w.Write(piece); err != nil {
			return
		}
		body = body[len(piece):]
	}
}

// deadline bounds the wait for a slow caller, write by write. It is set anew
// only when a quarter of it has passed: a stream of many small writes need not
// pay for a timer each time, and a stuck caller is found out after three
// quarters of the limit at the earliest.
type deadline struct {
	control http.ResponseController
	limit   time.Duration
	set     time.Time
}

func newDeadline(w http.ResponseWriter, limit time.Duration) deadline {
	return deadline{control: *http.NewResponseController(w), limit: limit}
}

// arm makes sure that the write which comes now ends in time.
func (d *deadline) arm(now time.Time) {
	if d.limit <= 0 || now.Sub(d.set) < d.limit/4 {
		return
	}
	d.set = now
	// Writers that know no deadlines, as in tests, go without.
	_ = d.control.SetWriteDeadline(now.Add(d.limit))
}

// disarm lifts the deadline while nothing is written.
func (d *deadline) disarm() {
	if d.set.IsZero() {
		return
	}
	d.set = time.Time{}
	_ = d.control.SetWriteDeadline(time.Time{})
}
