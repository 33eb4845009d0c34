package jsonscan

import (
	"bytes"
	"slices"
)

// maxShape bounds the memory of a [Shape], maxHoles the values that can differ.
const (
	maxShape = 1 << 10
	maxHoles = 4
)

// Shape recognises objects that are alike: equal byte for byte but for the values
// of some members. In a stream nearly all are, and to compare one takes a tenth of
// the time of scanning it.
//
// What fits would also be accepted by [Object], which reads from left to right and
// knows at any point only what came before: behind a value it goes on in the same
// way whatever that value was, as long as nobody looks into it. So what is looked
// up elsewhere in the object is the same too.
//
// The zero value is a shape that nothing fits. It is used by one goroutine.
type Shape struct {
	fixed []byte           // what lies before, between and behind the holes
	holes [maxHoles]uint16 // where they are, as positions in fixed
	n     int              // number of holes, 0 if there is no shape
}

// Learn makes s the shape of data, an object that was scanned without an error.
// The values of members with these keys, at any depth, are those that may differ;
// where it is an object, what is in it is looked at in its place. Where there are
// none, or the object is large, nothing fits afterwards.
func (s *Shape) Learn(data []byte, keys map[string]struct{}) {
	s.fixed, s.n = slices.Grow(s.fixed[:0], min(len(data), maxShape)), 0
	from := 0 // what lies before is in fixed, or in a hole
	for at := 0; s.n < maxHoles; {
		value, end := nextHole(data, at, keys)
		if end == 0 || len(s.fixed)+value-from > maxShape {
			break
		}
		s.fixed = append(s.fixed, data[from:value]...)
		s.holes[s.n] = uint16(len(s.fixed))
		s.n++
		from, at = end, end
	}
	if s.n == 0 || len(s.fixed)+len(data)-from > maxShape {
		s.n = 0
		return
	}
	s.fixed = append(s.fixed, data[from:]...)
}

// nextHole returns the bounds of the first value of one of the keys at or after
// at, which is not within a string. The end is 0 if there is none.
func nextHole(data []byte, at int, keys map[string]struct{}) (value, end int) {
	for {
		quote := bytes.IndexByte(data[at:], '"')
		if quote < 0 {
			return 0, 0
		}
		start := at + quote
		end, ok := skipString(data, start)
		if !ok {
			return 0, 0
		}
		at = end
		if _, ok := keys[string(data[start+1:end-1])]; !ok {
			continue
		}
		colon := skipSpace(data, end)
		if colon == len(data) || data[colon] != ':' {
			continue // a text, not a key
		}
		value = skipSpace(data, colon+1)
		if value < len(data) && data[value] == '{' {
			continue // one of its members will do, which takes less time to skip
		}
		if end, err := skipValue(data, value); err == nil {
			return value, end
		}
	}
}

// Fits reports whether data has the shape.
func (s *Shape) Fits(data []byte) bool {
	if s.n == 0 {
		return false
	}
	from, at := 0, 0 // in fixed, in data
	for _, hole := range s.holes[:s.n] {
		piece := s.fixed[from:hole]
		if !bytes.HasPrefix(data[at:], piece) {
			return false
		}
		end, err := skipValue(data, at+len(piece))
		if err != nil {
			return false
		}
		from, at = int(hole), end
	}
	return bytes.Equal(data[at:], s.fixed[from:])
}
