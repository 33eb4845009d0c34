package peek

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth is how deep arrays and objects may be nested, the limit of
// encoding/json.
const maxDepth = 10000

// scanner walks over JSON text. pos is the offset of the next byte to look at.
type scanner struct {
	data []byte
	pos  int
}

// space skips white space.
func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte without consuming it, 0 at
// the end of the text. A NUL byte in the text is no legal token either.
func (s *scanner) peek() byte {
	s.space()
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// skip consumes one value of any kind that begins at the current position,
// which lies depth containers deep.
func (s *scanner) skip(depth int) *SyntaxError {
	switch c := s.peek(); {
	case c == '{' || c == '[':
		return s.container(depth)
	default:
		return s.scalar(c)
	}
}

// scalar consumes a value that is no container; c is its first byte.
func (s *scanner) scalar(c byte) *SyntaxError {
	switch {
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	default:
		return s.fail("expected a value")
	}
}

// container consumes an object or an array with everything in it. It keeps the
// kinds of the open containers as bits instead of calling itself, so that deep
// nesting costs neither stack nor, up to 256 levels, memory.
func (s *scanner) container(depth int) *SyntaxError {
	var open kinds
	for {
		done, err := s.opening(&open, depth)
		for err == nil && done {
			if open.depth == 0 {
				return nil
			}
			done, err = s.following(&open)
		}
		if err != nil {
			return err
		}
	}
}

// opening consumes the start of a value: a whole scalar, a whole empty
// container, or a container's bracket and, in an object, its first key. done
// is true if the value is complete.
func (s *scanner) opening(open *kinds, depth int) (done bool, err *SyntaxError) {
	c := s.peek()
	if c != '{' && c != '[' {
		return true, s.scalar(c)
	}
	if depth+open.depth >= maxDepth {
		return false, s.fail("arrays and objects may be nested 10000 deep, expected a plain value")
	}
	s.pos++
	if s.peek() == closer(c) {
		s.pos++
		return true, nil
	}
	open.push(c == '{')
	if c == '{' {
		_, err = s.key()
	}
	return false, err
}

// following consumes what comes after a value inside the innermost container:
// a comma and in objects the next key, or the closing bracket. closed is true
// if the container itself is complete.
func (s *scanner) following(open *kinds) (closed bool, err *SyntaxError) {
	object := open.top()
	switch c := s.peek(); {
	case c == ',':
		s.pos++
		if object {
			_, err = s.key()
		}
		return false, err
	case object && c == '}', !object && c == ']':
		s.pos++
		open.pop()
		return true, nil
	case object:
		return false, s.fail(`expected "," or "}"`)
	default:
		return false, s.fail(`expected "," or "]"`)
	}
}

// key consumes an object's key and the colon after it.
func (s *scanner) key() (span, *SyntaxError) {
	if s.peek() != '"' {
		return span{}, s.fail("expected a key in double quotes")
	}
	name, err := s.str()
	if err != nil {
		return span{}, err
	}
	if s.peek() != ':' {
		return span{}, s.fail(`expected ":" after the key`)
	}
	s.pos++
	return name, nil
}

// member steps to the next member of an object: the first one right after the
// opening brace, later ones after a value. more is false once the closing brace
// was consumed; else the value comes next.
func (s *scanner) member(first bool) (name span, more bool, err *SyntaxError) {
	switch c := s.peek(); {
	case c == '}':
		s.pos++
		return span{}, false, nil
	case first:
	case c == ',':
		s.pos++
	default:
		return span{}, false, s.fail(`expected "," or "}"`)
	}
	name, err = s.key()
	s.space()
	return name, true, err
}

// element steps to the next element of an array, as member does for objects.
func (s *scanner) element(first bool) (more bool, err *SyntaxError) {
	switch c := s.peek(); {
	case c == ']':
		s.pos++
		return false, nil
	case first:
	case c == ',':
		s.pos++
		s.space()
	default:
		return false, s.fail(`expected "," or "]"`)
	}
	return true, nil
}

// str consumes a string; the span has its quotes.
func (s *scanner) str() (span, *SyntaxError) {
	start := s.pos
	s.pos++
	for {
		s.plain()
		if s.pos >= len(s.data) {
			return span{}, s.fail("the string is not closed")
		}
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return span{start, s.pos}, nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return span{}, err
			}
		case c < ' ':
			return span{}, s.fail("control characters in a string must be escaped, expected a backslash")
		default:
			s.pos++
		}
	}
}

// plain skips bytes of a string up to a quote, a backslash, a control character or
// the last few bytes of the text: words of 8 bytes, and blocks of 32 once there was
// nothing else in a few words.
func (s *scanner) plain() {
	for words := 0; s.pos+8 <= len(s.data); words++ {
		if words == 4 {
			s.blocks()
			if s.pos+8 > len(s.data) {
				return
			}
		}
		if found := special(binary.LittleEndian.Uint64(s.data[s.pos:])); found != 0 {
			s.pos += bits.TrailingZeros64(found) / 8
			return
		}
		s.pos += 8
	}
}

// blocks skips blocks of 32 bytes that are plain text from end to end.
func (s *scanner) blocks() {
	data, pos := s.data, s.pos
	for pos+32 <= len(data) {
		block := data[pos : pos+32]
		if special(binary.LittleEndian.Uint64(block))|special(binary.LittleEndian.Uint64(block[8:]))|
			special(binary.LittleEndian.Uint64(block[16:]))|special(binary.LittleEndian.Uint64(block[24:])) != 0 {
			break
		}
		pos += 32
	}
	s.pos = pos
}

// special marks, by its high bit, the first byte of a word that ends or interrupts
// a string's plain text: 0 if there is none. Later marks can be wrong.
//
// With bit 1 turned over, a quote (0x22) and the control characters (below 0x20)
// are the bytes below 0x21, so that one subtraction finds them all: it borrows.
// Another one finds the backslash, which is 0 after the exclusive or. A borrow also
// reaches the next byte, but only after a true match. Bytes over 0x7f are plain,
// and masked out.
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	below := (w ^ 0x02*ones) - 0x21*ones
	slash := (w ^ '\\'*ones) - ones
	return (below | slash) &^ w & highs
}

// escape consumes a backslash sequence.
func (s *scanner) escape() *SyntaxError {
	s.pos++
	if s.pos >= len(s.data) {
		return s.fail("the string is not closed")
	}
	switch s.data[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		s.pos++
		for range 4 {
			if s.pos >= len(s.data) || !isHex(s.data[s.pos]) {
				return s.fail(`expected four hexadecimal digits after "\u"`)
			}
			s.pos++
		}
		return nil
	default:
		return s.fail(`expected one of "\/bfnrtu after the backslash`)
	}
}

// number consumes a number by JSON's grammar.
func (s *scanner) number() *SyntaxError {
	if s.data[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.data) && s.data[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return s.fail("expected a digit")
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return s.fail("expected a digit after the decimal point")
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return s.fail("expected a digit in the exponent")
		}
	}
	return nil
}

// digits consumes digits and reports whether there were any.
func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// literal consumes true, false or null.
func (s *scanner) literal(word string) *SyntaxError {
	for i := range len(word) {
		if s.pos >= len(s.data) || s.data[s.pos] != word[i] {
			return s.fail("expected " + word)
		}
		s.pos++
	}
	return nil
}

// end makes sure that only white space follows.
func (s *scanner) end() *SyntaxError {
	s.space()
	if s.pos < len(s.data) {
		return s.fail("expected the end of the body after the JSON value")
	}
	return nil
}

// span is a piece of the text.
type span struct{ start, end int }

// kinds is a stack of bits: true is an object, false an array. The lowest 256
// need no memory of their own.
type kinds struct {
	low   [4]uint64
	high  []uint64
	depth int
}

func (k *kinds) push(object bool) {
	if k.depth/64 == len(k.low)+len(k.high) {
		k.high = append(k.high, 0)
	}
	word, bit := k.word(k.depth), uint64(1)<<(k.depth%64)
	*word &^= bit
	if object {
		*word |= bit
	}
	k.depth++
}

func (k *kinds) pop() { k.depth-- }

func (k *kinds) top() bool {
	i := k.depth - 1
	return *k.word(i)>>(i%64)&1 == 1
}

func (k *kinds) word(i int) *uint64 {
	if i /= 64; i < len(k.low) {
		return &k.low[i]
	}
	return &k.high[i-len(k.low)]
}

func closer(opener byte) byte {
	if opener == '{' {
		return '}'
	}
	return ']'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
