// Package jsonscan finds and changes the members of a JSON object without
// decoding it.
//
// Bodies of chat requests and embeddings are large, and all that is decided on
// lies in a few top-level members. The scanner walks over those and skips what
// lies between, about forty times faster than encoding/json. It is strict about
// the structure that it reports (the braces, keys, colons and commas of the
// object) and lenient about what it skips: a value is bounded by its quotes and
// brackets, and its inside is the receiver's business. All valid JSON is
// accepted.
package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Object walks over the members of a JSON object:
//
//	o := jsonscan.NewObject(data)
//	for o.Next() {
//		if o.Is("model") { ... o.Value() ... }
//	}
//	if err := o.Err(); err != nil { ... }
//
// The zero value is an empty, exhausted object. It is used by one goroutine.
type Object struct {
	data []byte
	pos  int
	err  error
	open bool // the brace was read
	done bool
	part bool // more follows behind the object, see [Array.NextObject]

	// Bounds of the current member within data: KeyStart and KeyEnd include the
	// quotes.
	KeyStart, KeyEnd, ValueStart, ValueEnd int
}

// NewObject starts on data, which must hold one object and white space.
func NewObject(data []byte) Object { return Object{data: data} }

// Next goes to the next member. It returns false after the last one and at the
// first error.
func (o *Object) Next() bool {
	if o.done || o.data == nil {
		return false
	}
	if !o.open {
		o.open = true
		if !o.expect('{', "an object") {
			return false
		}
		if o.peek() == '}' {
			o.pos++
			return o.finish()
		}
	} else {
		switch o.peek() {
		case ',':
			o.pos++
		case '}':
			o.pos++
			return o.finish()
		default:
			return o.fail("',' or '}'")
		}
	}
	return o.member()
}

// member reads a key, a colon and a value.
func (o *Object) member() bool {
	if o.peek() != '"' {
		return o.fail("a key in quotes")
	}
	o.KeyStart = o.pos
	end, ok := skipString(o.data, o.pos)
	if !ok {
		return o.fail("the end of a string")
	}
	o.KeyEnd, o.pos = end, end
	if !o.expect(':', "':' after a key") {
		return false
	}
	o.peek() // skips white space
	end, err := skipValue(o.data, o.pos)
	if err != nil {
		o.err, o.done = err, true
		return false
	}
	o.ValueStart, o.ValueEnd, o.pos = o.pos, end, end
	return true
}

// Is reports whether the current key is name.
func (o *Object) Is(name string) bool {
	raw := o.data[o.KeyStart+1 : o.KeyEnd-1]
	if string(raw) == name {
		return true
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	var key string
	return json.Unmarshal(o.data[o.KeyStart:o.KeyEnd], &key) == nil && key == name
}

// Key returns the current key without quotes; escapes are left as they are.
func (o *Object) Key() []byte { return o.data[o.KeyStart+1 : o.KeyEnd-1] }

// Value returns the current value as it stands.
func (o *Object) Value() []byte { return o.data[o.ValueStart:o.ValueEnd] }

// Err returns the first error, nil if there was none.
func (o *Object) Err() error { return o.err }

// finish is called behind the closing brace: only white space may follow.
func (o *Object) finish() bool {
	if !o.part && (o.peek() != 0 || o.pos < len(o.data)) {
		return o.fail("nothing after the object")
	}
	o.done = true
	return false
}

// peek skips white space and returns the next byte, 0 at the end.
func (o *Object) peek() byte {
	if o.pos < len(o.data) && o.data[o.pos] > ' ' {
		return o.data[o.pos] // as nearly everywhere
	}
	o.pos = skipSpace(o.data, o.pos)
	if o.pos == len(o.data) {
		return 0
	}
	return o.data[o.pos]
}

func (o *Object) expect(c byte, what string) bool {
	if o.peek() != c || o.pos == len(o.data) {
		return o.fail(what)
	}
	o.pos++
	return true
}

func (o *Object) fail(want string) bool {
	o.err, o.done = expected(o.data, o.pos, want), true
	return false
}

func expected(data []byte, pos int, want string) error {
	if pos >= len(data) {
		return fmt.Errorf("ends where %s is expected", want)
	}
	return fmt.Errorf("%s is expected at byte %d", want, pos)
}

// Array walks over the elements of a JSON array, as [Object] does over members.
type Array struct {
	data       []byte
	pos        int
	open, done bool
	lent       bool // an object reads the element at pos, see NextObject
	start, end int
	err        error
}

// NewArray starts on data, which must begin with an array.
func NewArray(data []byte) Array { return Array{data: data} }

// Next goes to the next element; false after the last one and at an error.
func (a *Array) Next() bool { return a.begin() && a.skip() }

// NextObject goes to the next element and starts o on it. If it is not an object,
// o is empty. Elements that were read to their end through o are scanned once,
// where Next with an Object for each takes them twice.
func (a *Array) NextObject(o *Object) bool {
	if a.lent {
		a.lent = false
		if o.done && o.err == nil {
			a.pos = o.pos
		} else if !a.skip() {
			return false
		}
	}
	if !a.begin() {
		return false
	}
	if a.pos < len(a.data) && a.data[a.pos] == '{' {
		*o = Object{data: a.data, pos: a.pos, part: true}
		a.lent = true
		return true
	}
	*o = Object{}
	return a.skip()
}

// begin goes to where the next element begins.
func (a *Array) begin() bool {
	if a.done {
		return false
	}
	a.pos = skipSpace(a.data, a.pos)
	const closer = ']'
	switch {
	case a.pos == len(a.data):
		return a.fail("an array")
	case !a.open && a.data[a.pos] != '[':
		return a.fail("an array")
	case !a.open:
		a.open = true
		a.pos = skipSpace(a.data, a.pos+1)
		if a.pos < len(a.data) && a.data[a.pos] == closer {
			a.done = true
		}
	case a.data[a.pos] == closer:
		a.done = true
	case a.data[a.pos] == ',':
		a.pos = skipSpace(a.data, a.pos+1)
	default:
		return a.fail("',' or ']'")
	}
	return !a.done
}

// skip goes behind the element that begins here.
func (a *Array) skip() bool {
	end, err := skipValue(a.data, a.pos)
	if err != nil {
		a.err, a.done = err, true
		return false
	}
	a.start, a.end, a.pos = a.pos, end, end
	return true
}

// Value returns the current element as it stands.
func (a *Array) Value() []byte { return a.data[a.start:a.end] }

// Err returns the first error, nil if there was none.
func (a *Array) Err() error { return a.err }

func (a *Array) fail(want string) bool {
	a.err, a.done = expected(a.data, a.pos, want), true
	return false
}
