package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

func skipSpace(data []byte, pos int) int {
	for pos < len(data) {
		switch data[pos] {
		case ' ', '\n', '\r', '\t':
			pos++
		default:
			return pos
		}
	}
	return pos
}

// shortString is the length up to which a string is searched in words of eight
// bytes. Most keys and values of a chunk are shorter; bytes.IndexByte, which is
// four times as fast once it runs, takes as long to begin.
const shortString = 64

// skipString returns the position behind the string that begins at pos.
func skipString(data []byte, pos int) (int, bool) {
	for at := pos + 1; ; {
		end, next := skipShort(data, at)
		if end > 0 {
			return end, true
		}
		i := bytes.IndexByte(data[next:], '"')
		if i < 0 {
			return 0, false
		}
		quote := next + i
		slash := quote
		for slash > next && data[slash-1] == '\\' {
			slash--
		}
		if (quote-slash)%2 == 0 {
			return quote + 1, true
		}
		at = quote + 1
	}
}

// skipShort looks for the end of a string from at, which is not within an escape,
// until about shortString bytes hold neither quote nor escape. It returns the
// position behind the end, or 0 and where to look on, which is not within an
// escape either.
func skipShort(data []byte, at int) (end, next int) {
	const quotes, slashes = 0x2222222222222222, 0x5c5c5c5c5c5c5c5c
	last := len(data) - 8
	for limit := at + shortString; at <= limit && at <= last; {
		word := binary.LittleEndian.Uint64(data[at:])
		found := zeros(word^quotes) | zeros(word^slashes)
		if found == 0 {
			at += 8
			continue
		}
		at += bits.TrailingZeros64(found) / 8
		if data[at] == '"' {
			return at + 1, 0
		}
		at += 2 // the escaped byte as well
		limit = at + shortString
	}
	return 0, min(at, len(data))
}

// zeros marks the zero bytes of a word by their highest bit. The lowest mark is
// right; one above it can be wrong.
func zeros(word uint64) uint64 {
	return (word - 0x0101010101010101) &^ word & 0x8080808080808080
}

// skipValue returns the position behind the value that begins at pos.
func skipValue(data []byte, pos int) (int, error) {
	if pos == len(data) {
		return 0, expected(data, pos, "a value")
	}
	switch c := data[pos]; c {
	case '"':
		if end, ok := skipString(data, pos); ok {
			return end, nil
		}
		return 0, expected(data, len(data), "the end of a string")
	case '{', '[':
		return skipNested(data, pos)
	case 't':
		return skipWord(data, pos, "true")
	case 'f':
		return skipWord(data, pos, "false")
	case 'n':
		return skipWord(data, pos, "null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return skipNumber(data, pos), nil
		}
		return 0, expected(data, pos, "a value")
	}
}

// checkedDepth is how deep the kinds of brackets are compared.
const checkedDepth = 64

// structural are the bytes that skipNested looks at.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// skipNested returns the position behind the object or array at pos.
func skipNested(data []byte, pos int) (int, error) {
	depth, objects := 0, uint64(0) // bit d: the bracket at depth d is a brace
	for at := pos; at < len(data); at++ {
		c := data[at]
		if !structural[c] {
			continue
		}
		switch c {
		case '"':
			end, ok := skipString(data, at)
			if !ok {
				return 0, expected(data, len(data), "the end of a string")
			}
			at = end - 1
		case '{':
			objects |= 1 << depth // no effect beyond the depth
			depth++
		case '[':
			objects &^= 1 << depth
			depth++
		case '}', ']':
			depth--
			if depth < checkedDepth && (objects>>depth&1 == 1) != (c == '}') {
				return 0, expected(data, at, "the other kind of closing bracket")
			}
			if depth == 0 {
				return at + 1, nil
			}
		}
	}
	return 0, expected(data, len(data), "a closing bracket")
}

func skipWord(data []byte, pos int, word string) (int, error) {
	if !bytes.HasPrefix(data[pos:], []byte(word)) {
		return 0, expected(data, pos, "a value")
	}
	return pos + len(word), nil
}

func skipNumber(data []byte, pos int) int {
	for pos < len(data) {
		switch c := data[pos]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			pos++
		default:
			return pos
		}
	}
	return pos
}
