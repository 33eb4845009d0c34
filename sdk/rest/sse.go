package rest

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// DefaultMaxEventBytes bounds one event of a stream, with its field names and
// line ends: 16 MiB, enough for an image in base64.
const DefaultMaxEventBytes = 16 << 20

// Event is one server-sent event.
type Event struct {
	// Type is the event's name, "" if it has none.
	Type string
	// ID is the event's own id, "" if it has none.
	ID string
	// Data holds the event's data, its lines joined by LF. It is never empty:
	// events without data are dropped, since clients decode each as JSON.
	Data []byte
	// Retry is the reconnection time that the event carries, 0 if none.
	Retry time.Duration
	// Cut is true if the input ended inside the event, before the blank line
	// that completes it. Data may be incomplete.
	Cut bool
}

// Done reports whether the event is OpenAI's end marker, [DONE].
func (e Event) Done() bool { return bytes.HasPrefix(bytes.TrimSpace(e.Data), []byte("[DONE]")) }

// EventReader reads server-sent events: lines ended by LF, CRLF, a lone CR or a
// mixture, cut anywhere by the network; a byte order mark; comments, data over
// several lines, fields with and without the optional space. It is used by one
// goroutine.
type EventReader struct {
	lines  lineBuffer
	events []Event
	bom    bool // the start of the input was looked at

	// The event being read. Its data lies in lines.buf[dataStart:dataEnd].
	current            Event
	start              int // of its first line
	dataStart, dataEnd int
	hasData, hasField  bool
	names              map[string]string
}

// NewEventReader reads events from src. An event over max bytes is an error
// with the cause [ErrTooLarge]; max <= 0 means [DefaultMaxEventBytes].
func NewEventReader(src io.Reader, max int) *EventReader {
	if max <= 0 {
		max = DefaultMaxEventBytes
	}
	return &EventReader{lines: lineBuffer{src: src, max: max, loneCR: true}}
}

// Next returns all events that have arrived, at least one: it waits for the
// first and for no other, so that a caller who passes them on together delays
// none. Events and their data are valid until the following Next. After the
// last event it returns io.EOF; an end of the input inside an event hands the
// event out with Cut set. Other errors are those of the input.
func (r *EventReader) Next() ([]Event, error) {
	r.events = r.events[:0]
	r.lines.keep = r.start
	for {
		r.parse()
		if len(r.events) > 0 {
			return r.events, nil
		}
		r.lines.keep = r.start
		shift, err := r.lines.fill()
		r.shift(shift)
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) && r.flush() {
			return r.events, nil
		}
		return nil, err
	}
}

// parse takes all complete lines.
func (r *EventReader) parse() {
	if !r.bom {
		if r.bom = r.lines.byteOrderMark(); !r.bom {
			return
		}
		r.start = r.lines.pos
	}
	for {
		for r.plain() {
			continue
		}
		start, end, ok := r.lines.line()
		if !ok {
			return
		}
		if start == end {
			r.dispatch(false)
		} else {
			r.field(start, end)
		}
		if !r.hasField {
			r.start = r.lines.pos // comments need not be kept
		}
	}
}

// plain takes a whole event of one line of data, with nothing but LF at the ends
// of lines, as nearly all are. It reports false for any other, and takes nothing.
func (r *EventReader) plain() bool {
	const field = "data: "
	b := &r.lines
	data := b.pos + len(field)
	if r.hasField || b.skipLF || data >= b.end || string(b.buf[b.pos:data]) != field {
		return false
	}
	stop := b.find('\n', &b.lf)
	if stop == data || stop+1 >= b.end || b.buf[stop+1] != '\n' || b.find('\r', &b.cr) < stop {
		return false
	}
	b.pos = stop + 2
	r.events = append(r.events, Event{Data: b.buf[data:stop:stop]})
	r.start = b.pos
	return true
}

// field takes the line in buf[start:end].
func (r *EventReader) field(start, end int) {
	line := r.lines.buf[start:end]
	name, value := line, line[len(line):]
	if colon := bytes.IndexByte(line, ':'); colon >= 0 {
		name, value = line[:colon], line[colon+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	switch string(name) {
	case "data":
		r.appendData(end-len(value), end)
	case "event":
		r.current.Type = r.name(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			r.current.ID = string(value)
		}
	case "retry":
		r.current.Retry = retryField(value)
	default:
		return // a comment or an unknown field
	}
	r.hasField = true
}

// appendData joins the data line in buf[start:end] to those before it, in
// place: the joined data is never longer than the lines it comes from.
func (r *EventReader) appendData(start, end int) {
	if !r.hasData {
		r.hasData, r.dataStart, r.dataEnd = true, start, end
		return
	}
	buf := r.lines.buf
	buf[r.dataEnd] = '\n'
	r.dataEnd += 1 + copy(buf[r.dataEnd+1:], buf[start:end])
}

// dispatch completes the current event.
func (r *EventReader) dispatch(cut bool) {
	if r.dataEnd > r.dataStart {
		r.current.Data = r.lines.buf[r.dataStart:r.dataEnd:r.dataEnd]
		r.current.Cut = cut
		r.events = append(r.events, r.current)
	}
	r.current = Event{}
	r.hasData, r.hasField = false, false
	r.dataStart, r.dataEnd = 0, 0
	r.start = r.lines.pos
}

// flush takes what the input's end left over and reports whether it gave an event.
func (r *EventReader) flush() bool {
	r.bom = true
	if start := r.lines.pos; start < r.lines.end {
		r.lines.pos = r.lines.end
		r.field(start, r.lines.end)
	}
	r.dispatch(true)
	return len(r.events) > 0
}

func (r *EventReader) shift(n int) {
	r.start -= n
	if r.hasData {
		r.dataStart, r.dataEnd = r.dataStart-n, r.dataEnd-n
	}
}

// maxNames bounds the remembered event names: a service has a few dozen.
const maxNames = 64

// name returns b as a string that is allocated once per stream.
func (r *EventReader) name(b []byte) string {
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if r.names == nil {
		r.names = make(map[string]string)
	}
	if len(r.names) < maxNames {
		r.names[s] = s
	}
	return s
}

// retryField reads milliseconds, digits only, at most a day.
func retryField(value []byte) time.Duration {
	const day = 24 * 60 * 60 * 1000
	ms := 0
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0
		}
		if ms = 10*ms + int(c-'0'); ms > day {
			return 24 * time.Hour
		}
	}
	return time.Duration(ms) * time.Millisecond
}
