package http1

import (
	"errors"
	"math"
)

const (
	maxChunkLine = 4000     // of a size with its extensions
	maxOverhead  = 16 << 10 // see chunks.begin
	maxTrailer   = 4000     // of all trailer fields together
)

var (
	errChunk    = errors.New("malformed chunked encoding")
	errSize     = errors.New("http chunk length too large")
	errLine     = errors.New("header line too long")
	errOverhead = errors.New("chunked encoding contains too much non-data")
	errTrailer  = errors.New("malformed trailer after chunked body")
)

// place is where in the chunked coding the next byte stands (RFC 9112, section
// 7.1).
type place uint8

const (
	inSize       place = iota // the hexadecimal digits
	inPadding                 // white space behind them
	inExtension               // from the semicolon on
	afterSize                 // the LF of that line
	inData                    // bytes of the body
	afterData                 // the CR behind them
	betweenLines              // the LF behind that
	inTrailer                 // the beginning of a trailer line, or of the end
	inName                    // its name
	inValue                   // its value
	afterValue                // its LF
	beforeEnd                 // the last LF
	atEnd
)

// chunks decodes the chunked transfer coding. It keeps nothing of what it reads:
// the data is moved to the front of the memory that it came in, whatever the cut.
type chunks struct {
	at       place
	digits   int    // of the size
	left     uint64 // bytes of the chunk
	line     int    // bytes of the line, or of the trailer
	overhead int64
}

// decode moves the data in b to its front and returns how much it is, and how
// much of b belongs to the body with its coding: all but what follows the end.
func (c *chunks) decode(b []byte) (n, used int, err error) {
	for used < len(b) && c.at != atEnd {
		if c.at == inData {
			size := int(min(c.left, uint64(len(b)-used)))
			if n != used {
				copy(b[n:], b[used:used+size])
			}
			n, used = n+size, used+size
			if c.left -= uint64(size); c.left == 0 {
				c.at = afterData
			}
			continue
		}
		if err := c.step(b[used]); err != nil {
			return n, used, err
		}
		used++
	}
	return n, used, nil
}

// step takes a byte that is not data.
func (c *chunks) step(b byte) error {
	if c.at >= inTrailer {
		return c.trailer(b)
	}
	switch {
	case c.at == afterData && b == '\r':
		c.at = betweenLines
	case c.at == betweenLines && b == '\n':
		c.at, c.digits, c.line = inSize, 0, 0
	case c.at == afterSize && b == '\n':
		return c.begin()
	case c.at < afterSize:
		return c.size(b)
	default:
		return errChunk
	}
	return nil
}

// size takes a byte of the line with a chunk's size.
func (c *chunks) size(b byte) error {
	c.line++
	switch digit := hexDigit(b); {
	case c.line > maxChunkLine:
		return errLine
	case b == '\r' && c.digits > 0:
		c.at = afterSize
	case b == '\r' || b == '\n':
		return errChunk
	case c.at == inExtension, c.at == inPadding && (b == ' ' || b == '\t'):
	case c.at == inPadding || c.digits == 0 && digit < 0:
		return errChunk
	case b == ';':
		c.at = inExtension
	case b == ' ' || b == '\t':
		c.at = inPadding
	case digit < 0:
		return errChunk
	case c.digits == 16:
		return errSize
	default:
		c.left = c.left<<4 | uint64(digit)
		c.digits++
	}
	return nil
}

// begin starts the chunk whose size was read. A sender may send single bytes,
// with five of coding for each, but not extensions without end: 16 bytes a chunk
// and twice the data are given, and [maxOverhead] once.
func (c *chunks) begin() error {
	c.overhead += int64(c.line) + 1 - 16 - 2*int64(min(c.left, math.MaxInt32))
	c.overhead = max(c.overhead, 0)
	c.line = 0
	switch {
	case c.overhead > maxOverhead:
		return errOverhead
	case c.left == 0:
		c.at = inTrailer
	default:
		c.at = inData
	}
	return nil
}

// trailer takes a byte behind the last chunk. Trailer fields are checked and
// dropped.
func (c *chunks) trailer(b byte) error {
	if c.line++; c.line > maxTrailer {
		return errTrailer
	}
	switch {
	case c.at == inTrailer && b == '\r':
		c.at = beforeEnd
	case c.at == beforeEnd && b == '\n':
		c.at = atEnd
	case c.at == afterValue && b == '\n':
		c.at = inTrailer
	case (c.at == inTrailer || c.at == inName) && tokens[b]:
		c.at = inName
	case c.at == inName && b == ':':
		c.at = inValue
	case c.at == inValue && b == '\r':
		c.at = afterValue
	case c.at == inValue && isText(b):
	default:
		return errTrailer
	}
	return nil
}

// hexDigit returns the value of a hexadecimal digit, -1 for other bytes.
func hexDigit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	default:
		return -1
	}
}
