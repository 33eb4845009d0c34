package jsonscan

import (
	"bytes"
	"encoding/json"
)

// Change is a change of the top-level members with one key.
type Change struct {
	// Key of the members to change. At most one change names a key.
	Key string
	// Value is the JSON value that the members get. If there is no such member,
	// one is added. nil leaves values alone and adds nothing.
	Value []byte
	// Make, if it is not nil, is given the value that the last such member has
	// now, nil if there is none, and returns Value.
	Make func(old []byte) []byte
	// Default, with a Value, leaves members that are there alone.
	Default bool
	// Name renames the members. If a member of the new name is there already,
	// it wins and those of the old name are removed.
	Name string
	// Remove takes the members away.
	Remove bool
}

// member is one member of the object and the change that applies to it.
type member struct {
	keyStart, keyEnd, valueStart, valueEnd int
	change                                 int // index of the change, -1 for none
	drop                                   bool
}

// usual is the number of members that need no allocation.
const usual = 32

// Edit applies the changes to the object in body. All else stays byte for byte,
// and a body to which no change applies is returned as it is. All members of a
// changed key change: when a key is given twice, services do not agree which
// one counts. Values that are made are stored in changes; there can be at most
// 64 of those.
func Edit(body []byte, changes []Change) ([]byte, error) {
	var space [usual]member
	members, present, err := collect(body, changes, space[:0])
	if err != nil {
		return nil, err
	}
	makeValues(body, members, changes)
	dropped := markDropped(body, members, changes)
	grown, edits := 0, dropped
	for i, c := range changes {
		grown += len(c.Key) + len(c.Name) + len(c.Value) + len(`"":,`)
		edits = edits || needs(body, members, c, i, present&(1<<i) != 0)
	}
	if !edits {
		return body, nil
	}
	return write(body, members, changes, present, make([]byte, 0, len(body)+grown)), nil
}

// collect lists the members. Bit i of present tells whether changes[i] has one.
func collect(body []byte, changes []Change, members []member) ([]member, uint64, error) {
	var present uint64
	o := NewObject(body)
	for o.Next() {
		m := member{o.KeyStart, o.KeyEnd, o.ValueStart, o.ValueEnd, -1, false}
		for i := range changes {
			if o.Is(changes[i].Key) {
				m.change = i
				present |= 1 << i
				break
			}
		}
		members = append(members, m)
	}
	if len(body) == 0 {
		return nil, 0, expected(body, 0, "an object")
	}
	return members, present, o.Err()
}

// makeValues calls the changes that depend on what is there.
func makeValues(body []byte, members []member, changes []Change) {
	for i := range changes {
		if changes[i].Make == nil {
			continue
		}
		var old []byte
		for _, m := range members {
			if m.change == i {
				old = body[m.valueStart:m.valueEnd]
			}
		}
		changes[i].Value = changes[i].Make(old)
	}
}

// markDropped decides which members go: removed ones, and renamed ones whose
// new name is taken.
func markDropped(body []byte, members []member, changes []Change) bool {
	any := false
	for i := range members {
		m := &members[i]
		if m.change < 0 {
			continue
		}
		c := changes[m.change]
		if c.Remove || c.Name != "" && has(body, members, c.Name) {
			m.drop, any = true, true
		}
	}
	return any
}

func has(body []byte, members []member, name string) bool {
	for _, m := range members {
		if string(body[m.keyStart+1:m.keyEnd-1]) == name {
			return true
		}
	}
	return false
}

// needs reports whether the change alters anything but dropped members.
func needs(body []byte, members []member, c Change, index int, present bool) bool {
	if !present {
		return c.Value != nil && !c.Remove
	}
	for _, m := range members {
		if m.change != index || m.drop {
			continue
		}
		if c.Name != "" || replaces(c) && !bytes.Equal(body[m.valueStart:m.valueEnd], c.Value) {
			return true
		}
	}
	return false
}

func replaces(c Change) bool { return c.Value != nil && !c.Default }

// write puts the object together. New members go first, where whoever looks for
// them finds them soonest.
func write(body []byte, members []member, changes []Change, present uint64, out []byte) []byte {
	open := bytes.IndexByte(body, '{') + 1
	out = append(out, body[:open]...)
	first := true
	for i, c := range changes {
		if present&(1<<i) == 0 && c.Value != nil && !c.Remove {
			out = appendMember(out, newName(c), c.Value, first)
			first = false
		}
	}
	before := open // end of the member before, in body
	for _, m := range members {
		gap := body[before:m.keyStart] // white space, with a comma but for the first
		before = m.valueEnd
		if m.drop {
			continue
		}
		out = appendGap(out, gap, first)
		first = false
		out = appendEdited(out, body, m, changes)
	}
	return append(out, body[before:]...)
}

func newName(c Change) string {
	if c.Name != "" {
		return c.Name
	}
	return c.Key
}

// appendGap writes what stood before a member, with a comma exactly if it is
// not the first.
func appendGap(out, gap []byte, first bool) []byte {
	comma := bytes.IndexByte(gap, ',')
	switch {
	case first && comma >= 0:
		return append(out, gap[comma+1:]...)
	case !first && comma < 0:
		return append(append(out, ','), gap...)
	default:
		return append(out, gap...)
	}
}

func appendEdited(out, body []byte, m member, changes []Change) []byte {
	if m.change < 0 {
		return append(out, body[m.keyStart:m.valueEnd]...)
	}
	c := changes[m.change]
	if c.Name != "" {
		out = AppendString(out, c.Name)
	} else {
		out = append(out, body[m.keyStart:m.keyEnd]...)
	}
	out = append(out, body[m.keyEnd:m.valueStart]...) // the colon
	if replaces(c) {
		return append(out, c.Value...)
	}
	return append(out, body[m.valueStart:m.valueEnd]...)
}

func appendMember(out []byte, key string, value []byte, first bool) []byte {
	if !first {
		out = append(out, ',')
	}
	out = AppendString(out, key)
	out = append(out, ':')
	return append(out, value...)
}

// AppendString appends s as a JSON string.
func AppendString(out []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string can always be encoded
			return append(out, quoted...)
		}
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}
