package peek

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// SyntaxError says where a text stops being JSON.
type SyntaxError struct {
	// Offset counts bytes from 0; Line and Column count from 1, Column in bytes.
	Offset, Line, Column int
	// Problem says what was expected and what was found.
	Problem string
}

// Error returns the problem and its place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at byte %d (line %d, column %d)", e.Problem, e.Offset, e.Line, e.Column)
}

// fail makes an error about the byte at the current position.
func (s *scanner) fail(problem string) *SyntaxError {
	before := s.data[:min(s.pos, len(s.data))]
	return &SyntaxError{
		Offset:  len(before),
		Line:    1 + bytes.Count(before, []byte{'\n'}),
		Column:  len(before) - bytes.LastIndexByte(before, '\n'),
		Problem: problem + " " + s.found(),
	}
}

// found names what is at the current position, as the end of a sentence.
func (s *scanner) found() string {
	if s.pos >= len(s.data) {
		return "before the end of the body"
	}
	r, size := utf8.DecodeRune(s.data[s.pos:])
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("instead of byte 0x%02x", s.data[s.pos])
	case r == '\uFEFF':
		return "instead of a byte order mark"
	default:
		return fmt.Sprintf("instead of %q", r)
	}
}

// TypeError says that a field of the body has the wrong type.
type TypeError struct {
	// Field is the field's path: "model", "stream_options.include_usage".
	// Empty means the body as a whole.
	Field string
	// Found and Allowed are words for a sentence: "a number", "true or false".
	Found, Allowed string
	// Offset is where the value begins.
	Offset int
}

// Error names the field, what is allowed and what was found.
func (e *TypeError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("the body must be %s, found %s", e.Allowed, e.Found)
	}
	return fmt.Sprintf("%q must be %s, found %s at byte %d", e.Field, e.Allowed, e.Found, e.Offset)
}

// describe names the kind of the value that begins with c. Values are never
// repeated in messages: they may hold what the caller does not want in a log.
func describe(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}
