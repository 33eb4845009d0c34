package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// LineReader reads JSON lines (NDJSON): one JSON value a line, ended by LF or
// CRLF, blank lines ignored. It is used by one goroutine.
type LineReader struct {
	lines lineBuffer
	out   [][]byte
	bom   bool
}

// NewLineReader reads lines from src. A line over max bytes is an error with
// the cause [ErrTooLarge]; max <= 0 means [DefaultMaxEventBytes].
func NewLineReader(src io.Reader, max int) *LineReader {
	if max <= 0 {
		max = DefaultMaxEventBytes
	}
	return &LineReader{lines: lineBuffer{src: src, max: max}}
}

// Next returns all lines that have arrived, at least one: it waits for the
// first and for no other. Lines are without surrounding white space, are not
// checked to be JSON, and are valid until the following Next. After the last
// line it returns io.EOF. A last line without a line end is handed out if it is
// a whole JSON value, else it was cut off and is an error of CodeProtocol.
func (r *LineReader) Next() ([][]byte, error) {
	r.out = r.out[:0]
	for {
		r.lines.keep = r.lines.pos
		r.parse()
		if len(r.out) > 0 {
			return r.out, nil
		}
		r.lines.keep = r.lines.pos
		_, err := r.lines.fill()
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			return r.flush()
		}
		return nil, err
	}
}

func (r *LineReader) parse() {
	if !r.bom {
		if r.bom = r.lines.byteOrderMark(); !r.bom {
			return
		}
	}
	for {
		start, end, ok := r.lines.line()
		if !ok {
			return
		}
		if line := bytes.TrimSpace(r.lines.buf[start:end]); len(line) > 0 {
			r.out = append(r.out, line)
		}
	}
}

// flush takes what the input's end left over.
func (r *LineReader) flush() ([][]byte, error) {
	line := bytes.TrimSpace(r.lines.buf[r.lines.pos:r.lines.end])
	r.lines.pos = r.lines.end
	if len(line) == 0 {
		return nil, io.EOF
	}
	if !json.Valid(line) {
		return nil, &provider.Error{
			Code:    provider.CodeProtocol,
			Message: "the service's answer was cut off inside a line",
			Source:  provider.SourceUpstream,
			Cause:   io.ErrUnexpectedEOF,
		}
	}
	r.out = append(r.out, line)
	return r.out, nil
}
