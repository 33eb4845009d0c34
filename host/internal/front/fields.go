package front

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// appendStatus appends the first line of an answer.
func appendStatus(b []byte, code int) []byte {
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(code), 10)
	if text := http.StatusText(code); text != "" {
		return append(append(append(b, ' '), text...), "\r\n"...)
	}
	return append(strconv.AppendInt(append(b, " status code "...), int64(code), 10), "\r\n"...)
}

// field is a field of an answer that has no header yet.
type field struct {
	name   string
	values [1]string
}

// mostFields is the number of fields from which on a map finds them sooner: a plugin
// can send as many as it likes.
const mostFields = 64

// SetField sets a field of the answer, given by its canonical name, to one value.
// It does what the Header's Set does, and as long as nobody asks for the Header
// it costs next to nothing.
func (w *response) SetField(canonical, value string) {
	if w.header != nil {
		w.header[canonical] = []string{value}
		return
	}
	for i := range w.fields {
		if w.fields[i].name == canonical {
			w.fields[i].values[0] = value
			return
		}
	}
	switch len(w.fields) {
	case 0:
		w.fields = w.room[:0]
	case mostFields:
		w.Header()[canonical] = []string{value}
		return
	}
	w.fields = append(w.fields, field{canonical, [1]string{value}})
}

// Header implements [http.ResponseWriter].
func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header, 8)
		for i := range w.fields {
			w.header[w.fields[i].name] = w.fields[i].values[:]
		}
		w.fields = nil
	}
	return w.header
}

// appendField appends a field of the handler's, or keeps in mind what it says if
// this package writes it.
func (w *response) appendField(b []byte, name string, values []string) []byte {
	switch name {
	case "Connection":
		w.last = w.last || len(values) > 0 && values[0] == "close"
		return b
	case "Content-Length":
		w.declare(values)
		return b
	case "Transfer-Encoding", "Trailer":
		return b
	case "Content-Type":
		w.typed = true
		if w.status == http.StatusNotModified {
			return b
		}
	case "Content-Encoding":
		w.typed = w.typed || len(values) > 0 && values[0] != ""
	case "Date":
		w.dated = true
	}
	if !isToken(name) {
		return b
	}
	for _, value := range values {
		b = append(append(b, name...), ": "...)
		b = appendValue(b, value)
		b = append(b, '\r', '\n')
	}
	return b
}

// declare takes the length that the handler declares.
func (w *response) declare(values []string) {
	if len(values) == 0 || values[0] == "" {
		return
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 {
		w.c.server.logf("http: invalid Content-Length of %q", values[0])
		return
	}
	w.length = n
}

func isToken(name string) bool {
	for i := range len(name) {
		if charClasses[name[i]]&inToken == 0 {
			return false
		}
	}
	return name != ""
}

// appendValue appends a value without blanks around it. Line ends within would
// begin a field of somebody else's choice: they become spaces.
func appendValue(b []byte, value string) []byte {
	start := len(b)
	b = append(b, strings.Trim(value, " \t\r\n")...)
	for i, c := range b[start:] {
		if c == '\r' || c == '\n' {
			b[start+i] = ' '
		}
	}
	return b
}

// completeHead writes what this package adds to the head into the room before
// the body, and the line before its first chunk, and moves the handler's part
// up to it. It returns where the answer begins. end is true if the body is
// complete.
func (w *response) completeHead(end bool) int {
	w.complete = true
	bodyStart := w.headEnd + frameRoom
	size := len(*w.out) - bodyStart
	if !w.full && !w.last && !w.body.drain() {
		w.last = true
	}
	var frame [frameRoom]byte
	add := w.frame(frame[:0], size, end)
	if w.chunked && size > 0 {
		add = append(strconv.AppendInt(add, int64(size), 16), '\r', '\n')
		*w.out = append(*w.out, '\r', '\n')
	}
	if w.headOnly {
		*w.out = (*w.out)[:bodyStart] // it was only to tell its length and type
	}
	b := *w.out
	start := frameRoom - len(add)
	copy(b[start:start+w.headEnd], b[:w.headEnd])
	copy(b[start+w.headEnd:], add)
	return start
}

// frame appends the fields that say what kind of answer it is, and the end of
// the head. size is how much of the body is there.
func (w *response) frame(b []byte, size int, end bool) []byte {
	w.last = w.last || w.c.server.ending.Load()
	if !w.dated {
		b = append(append(append(b, "Date: "...), w.c.server.clock.date()...), "\r\n"...)
	}
	declared := w.hasBody() && w.length >= 0
	counted := w.hasBody() && !declared && end && (!w.headOnly || w.written > 0)
	switch {
	case declared:
		b = appendLength(b, w.length)
	case counted:
		b = appendLength(b, w.written)
	}
	if !w.typed && size > 0 {
		first := (*w.out)[w.headEnd+frameRoom:]
		b = append(append(append(b, "Content-Type: "...), http.DetectContentType(first)...), "\r\n"...)
	}
	if w.last {
		b = append(b, "Connection: close\r\n"...)
	}
	if w.hasBody() && !declared && !counted && !w.headOnly {
		w.chunked = true
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, '\r', '\n')
}

func appendLength(b []byte, n int64) []byte {
	return append(strconv.AppendInt(append(b, "Content-Length: "...), n, 10), '\r', '\n')
}

// clock keeps the text of the current second. Its zero value is ready.
type clock struct{ now atomic.Pointer[second] }

type second struct {
	unix int64
	text string
}

// date is the time as the header Date has it.
func (c *clock) date() string {
	now := time.Now()
	if s := c.now.Load(); s != nil && s.unix == now.Unix() {
		return s.text
	}
	s := &second{now.Unix(), now.UTC().Format(http.TimeFormat)}
	c.now.Store(s)
	return s.text
}
