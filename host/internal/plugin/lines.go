package plugin

import "bytes"

// maxLine is how much of a line that a plugin writes is kept. hclog's JSON lines
// with a stack trace stay well below it.
const maxLine = 64 << 10

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
		l.buf, l.skipping = l.buf[:0], true
		return
	}
	l.buf = append(l.buf, part...)
}

func (l *lines) end() {
	if !l.skipping {
		l.emit(bytes.TrimSuffix(l.buf, []byte{'\r'}), false)
	}
	l.buf, l.skipping = l.buf[:0], false
}

// flush emits what is left at the end of the stream.
func (l *lines) flush() {
	if len(l.buf) > 0 {
		l.end()
	}
	l.skipping = false
}
