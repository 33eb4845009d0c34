package api

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/internal/peek"
)

// dialect is how a kind of stream is written as server-sent events.
type dialect struct {
	// named gives each event the chunk's "type" as its name.
	named bool
	// done ends the stream with "data: [DONE]".
	done bool
	// fail makes the event for a failure. sent counts the chunks before it.
	fail func(p *problem, sent int) (name string, data []byte)
}

var (
	// chatDialect is OpenAI's for chat and completions, and ours for all
	// operations that have none of their own.
	chatDialect = &dialect{done: true, fail: func(p *problem, _ int) (string, []byte) {
		return "", p.body()
	}}
	// namedDialect is that of OpenAI's image streams.
	namedDialect = &dialect{named: true, fail: func(p *problem, _ int) (string, []byte) {
		return "error", p.body()
	}}
	// responsesDialect is that of OpenAI's responses.
	responsesDialect = &dialect{named: true, fail: responsesError}
)

// responsesError makes the event "error" of the responses API: the fields which
// its description requires, and the same as an object under "error", which is
// what OpenAI's own clients look for.
func responsesError(p *problem, sent int) (string, []byte) {
	o := p.object()
	return "error", encode(struct {
		Type           string      `json:"type"`
		Code           *string     `json:"code"`
		Message        string      `json:"message"`
		Param          *string     `json:"param"`
		SequenceNumber int         `json:"sequence_number"`
		Error          errorObject `json:"error"`
	}{"error", o.Code, o.Message, o.Param, sent, o})
}

// sse writes one stream of server-sent events. The headers go out with the
// first event. While it is open and silent, a timer sends comments; it shares
// the writer under mu. An idle stream holds no buffer.
type sse struct {
	x       *exchange
	dialect *dialect
	abort   func()      // ends the stream when the caller cannot be written to
	sent    int         // chunks so far
	pieces  pieceWriter // nil if the writer is none

	mu       sync.Mutex
	control  http.ResponseController
	deadline deadline
	last     time.Time   // of the latest write
	timer    *time.Timer // nil before the first write and without keep-alive
	closed   bool
}

func newSSE(x *exchange, d *dialect, abort func()) *sse {
	s := &sse{x: x, dialect: d, abort: abort, control: *http.NewResponseController(x.w), deadline: newDeadline(x.w, x.opts.WriteTimeout)}
	s.pieces, _ = x.w.(pieceWriter)
	return s
}

// eventRoom is what an event takes beside its chunk, but for names and line breaks.
const eventRoom = len("data: \n\n")

// send writes the chunks as one piece.
func (s *sse) send(chunks [][]byte) error {
	size := frameRoom
	for _, chunk := range chunks {
		size += len(chunk) + eventRoom
	}
	b := getBuffer(int64(size))
	defer b.release()
	b.data = b.data[:headRoom]
	for _, chunk := range chunks {
		// Clients parse whatever they get: an empty event breaks them, and a
		// second end marker would hide what comes after it.
		if chunk = bytes.TrimSpace(chunk); len(chunk) == 0 || string(chunk) == "[DONE]" {
			continue
		}
		var name []byte
		if s.dialect.named {
			name, _ = peek.String(chunk, "type")
		}
		b.data = appendEvent(b.data, name, chunk)
		s.sent++
	}
	if len(b.data) == headRoom {
		return nil
	}
	return s.write(b.data, headRoom)
}

// The room around what a [pieceWriter] writes: for its head, and for the head and
// the end.
const (
	headRoom  = 16
	frameRoom = headRoom + 8
)

// pieceWriter is what the writers of package front have beside Write and Flush: it
// writes p[room:] at once, as one piece where it is, without copying it. It may use
// the room before it, and what p has capacity for behind.
type pieceWriter interface {
	WritePiece(p []byte, room int) error
}

// finish ends a stream that is complete. The end of the stream is sent together
// with that of the answer.
func (s *sse) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if !s.x.began {
		s.begin()
	}
	s.deadline.arm(time.Now()) // for the end, which every answer has
	if s.dialect.done {
		// A failure means that the caller left, having got everything but the end.
		_, _ = s.x.w.Write(streamEnd)
	}
}

// fail ends a stream that broke: with an ordinary error if nothing was written
// yet, else with an event.
func (s *sse) fail(err error) {
	if !s.x.began {
		s.x.fail(err)
		return
	}
	name, data := s.dialect.fail(asProblem(err), s.sent)
	// A failure means that the caller left.
	_ = s.write(appendEvent(nil, []byte(name), data), 0)
}

// close stops the comments. Nothing may be written afterwards.
func (s *sse) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// write sends p[room:] to the caller at once.
func (s *sse) write(p []byte, room int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.x.began {
		s.begin()
	}
	return s.put(p, room)
}

// begin writes the headers; mu is held.
func (s *sse) begin() {
	s.x.set("Content-Type", "text/event-stream; charset=utf-8")
	s.x.set("Cache-Control", "no-cache")
	s.x.set("X-Accel-Buffering", "no") // nginx would hold events back
	s.x.began = true
	s.x.w.WriteHeader(http.StatusOK)
	if s.x.opts.KeepAlive > 0 {
		s.timer = time.AfterFunc(s.x.opts.KeepAlive, s.tick)
	}
}

// What every stream writes.
var (
	streamEnd = []byte("data: [DONE]\n\n")
	comment   = []byte(": keep-alive\n\n")
)

// put writes p[room:] and flushes; mu is held.
func (s *sse) put(p []byte, room int) error {
	now := time.Now()
	s.last = now
	s.deadline.arm(now)
	err := s.piece(p, room)
	if errors.Is(err, http.ErrNotSupported) {
		err = nil // a writer that buffers, as in tests
	}
	if s.timer == nil || s.x.opts.KeepAlive > s.deadline.limit/2 {
		// Nothing renews the deadline of a silent stream in time, and HTTP/2 ends
		// streams whose deadline passed even if nothing is written.
		s.deadline.disarm()
	}
	return err
}

func (s *sse) piece(p []byte, room int) error {
	if s.pieces != nil && room > 0 {
		return s.pieces.WritePiece(p, room)
	}
	if _, err := s.x.w.Write(p[room:]); err != nil {
		return err
	}
	return s.control.Flush()
}

// tick sends a comment if the stream has been silent, and comes again.
func (s *sse) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	pause := s.x.opts.KeepAlive
	if silent := time.Since(s.last); silent < pause {
		s.timer.Reset(pause - silent)
		return
	}
	if s.put(comment, 0) != nil {
		s.abort()
		return
	}
	s.timer.Reset(pause)
}

// appendEvent appends one event. A chunk of several lines becomes several data
// lines, which readers join again.
func appendEvent(b, name, data []byte) []byte {
	if len(name) > 0 && bytes.IndexFunc(name, isControl) < 0 {
		b = append(append(append(b, "event: "...), name...), '\n')
	}
	for {
		b = append(b, "data: "...)
		end := lineEnd(data)
		if end < 0 {
			b = append(b, data...)
			return append(b, "\n\n"...)
		}
		b = append(append(b, data[:end]...), '\n')
		if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
			end++
		}
		data = data[end+1:]
	}
}

// lineEnd returns the place of the first CR or LF, -1 if there is none. Two
// searches for a byte are quicker than one for either.
func lineEnd(data []byte) int {
	lf := bytes.IndexByte(data, '\n')
	if lf >= 0 {
		data = data[:lf]
	}
	if cr := bytes.IndexByte(data, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

func isControl(r rune) bool { return r < ' ' }
