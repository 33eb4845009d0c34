package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// ErrTooLarge is the cause of errors about an answer or an event that is over
// its limit.
var ErrTooLarge = errors.New("over the size limit")

const (
	firstBuffer = 4 << 10  // one read of net/http
	largeBuffer = 64 << 10 // given back once it is not needed any more
	emptyReads  = 100      // reads without data before giving up
)

// lineBuffer splits what a reader delivers into lines, without copying them. It
// knows nothing of their meaning. Offsets are relative to buf and move with
// every fill, which reports by how much.
type lineBuffer struct {
	src  io.Reader
	buf  []byte
	keep int // what lies before may be dropped by the next fill
	pos  int // start of the next line
	end  int // end of what was read
	lf   int // no LF lies in [pos, lf); see find
	cr   int // no CR lies in [pos, cr)
	// loneCR: a CR ends a line even if no LF follows, as in SSE.
	loneCR bool
	// skipLF: the last line ended with the last byte read, a CR. It was handed
	// out at once rather than held back to see whether an LF follows.
	skipLF bool
	max    int // largest number of bytes kept
	err    error
}

// find returns the position of the next c at or after pos, end if there is none
// yet. What was searched is remembered in cache, so that the whole work is
// linear whatever mixture of line ends comes in.
func (b *lineBuffer) find(c byte, cache *int) int {
	if *cache < b.pos {
		*cache = b.pos
	}
	if *cache < b.end && b.buf[*cache] != c {
		if i := bytes.IndexByte(b.buf[*cache:b.end], c); i >= 0 {
			*cache += i
		} else {
			*cache = b.end
		}
	}
	return *cache
}

// line returns the bounds of the next complete line without its end.
func (b *lineBuffer) line() (start, end int, ok bool) {
	if b.skipLF && b.pos < b.end {
		if b.buf[b.pos] == '\n' {
			b.pos++
		}
		b.skipLF = false
	}
	stop := b.find('\n', &b.lf)
	if b.loneCR {
		stop = min(stop, b.find('\r', &b.cr))
	}
	if stop == b.end {
		return 0, 0, false
	}
	start, b.pos = b.pos, stop+1
	if b.buf[stop] == '\r' {
		switch {
		case b.pos == b.end:
			b.skipLF = true
		case b.buf[b.pos] == '\n':
			b.pos++
		}
	}
	return start, stop, true
}

// fill reads once more and returns by how many bytes the offsets moved down.
// After the reader's end it returns io.EOF, or the reader's error.
func (b *lineBuffer) fill() (shift int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	shift = b.compact()
	if b.end > b.max {
		b.err = tooLarge(b.max)
		return shift, b.err
	}
	if b.end == len(b.buf) {
		b.resize(min(max(firstBuffer, 2*len(b.buf)), b.max+1))
	}
	for range emptyReads {
		n, err := b.src.Read(b.buf[b.end:])
		b.end += n
		b.err = err
		if n > 0 {
			return shift, nil // the error, if any, comes after the data
		}
		if err != nil {
			return shift, err
		}
	}
	b.err = io.ErrNoProgress
	return shift, b.err
}

// compact drops what lies before keep.
func (b *lineBuffer) compact() int {
	shift := b.keep
	rest := b.end - shift
	if shift > 0 && rest > 0 {
		copy(b.buf, b.buf[shift:b.end])
	}
	b.keep, b.pos, b.end = 0, b.pos-shift, rest
	b.lf, b.cr = b.lf-shift, b.cr-shift
	if len(b.buf) > largeBuffer && rest < firstBuffer {
		b.resize(2 * firstBuffer)
	}
	return shift
}

func (b *lineBuffer) resize(n int) {
	grown := make([]byte, n)
	copy(grown, b.buf[:b.end])
	b.buf = grown
}

// byteOrderMark skips a BOM at the start of the input. It reports false while
// too little was read to tell.
func (b *lineBuffer) byteOrderMark() bool {
	const bom = "\xef\xbb\xbf"
	head := b.buf[b.pos:b.end]
	if len(head) < len(bom) {
		return len(head) > 0 && !bytes.HasPrefix([]byte(bom), head)
	}
	if string(head[:len(bom)]) == bom {
		b.pos += len(bom)
	}
	return true
}

func tooLarge(limit int) *provider.Error {
	return &provider.Error{
		Code:    provider.CodeProtocol,
		Message: fmt.Sprintf("the service sent an event larger than %d bytes", limit),
		Retry:   provider.RetryNever, // it would be as large the next time
		Source:  provider.SourceUpstream,
		Cause:   ErrTooLarge,
	}
}
