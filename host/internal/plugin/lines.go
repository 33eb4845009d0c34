package plugin

import "bytes"

const (
	// maxLine is how much of a line that a plugin writes is kept: enough to read
	// the JSON of a long message, of which less is logged.
	maxLine = 1 << 20
	// roomKept is the largest buffer that is kept for the next line.
	roomKept = 64 << 10
)

// lines cuts a byte stream into lines. A line longer than maxLine is handed on
// once, cut, and the rest of it is thrown away: memory stays bounded however the
// plugin writes. It is used by one goroutine.
type lines struct {
	// emit takes each line without its end; the slice is valid during the call.
	emit func(line []byte, cut bool)

	buf      []byte
	skipping bool // the rest of a line that was emitted already
}

// Write never fails.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		l.add(line)
		if ended {
			l.end()
		}
		p = rest
	}
	return n, nil
}

func (l *lines) add(part []byte) {
	if l.skipping {
		return
	}
	if room := maxLine - len(l.buf); len(part) > room {
		l.buf = append(l.buf, part[:room]...)
		l.emit(l.buf, true)
		l.skipping = true
		l.reset()
		return
	}
	l.buf = append(l.buf, part...)
}

func (l *lines) end() {
	if !l.skipping {
		l.emit(bytes.TrimSuffix(l.buf, []byte{'\r'}), false)
	}
	l.skipping = false
	l.reset()
}

// reset makes room for the next line.
func (l *lines) reset() {
	if l.buf = l.buf[:0]; cap(l.buf) > roomKept {
		l.buf = nil
	}
}

// flush emits what is left at the end of the stream.
func (l *lines) flush() {
	if len(l.buf) > 0 {
		l.end()
	}
	l.skipping = false
}
