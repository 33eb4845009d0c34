package hf

import (
	"bytes"
	"encoding/json"
)

// Fields are the members of a JSON object that is changed on its way to the
// service. Values that are not touched stay byte for byte.
type Fields struct {
	members map[string]json.RawMessage
	changed bool
}

// Adapt returns an [openaicompat.Operation.Request] that lets each step look at
// the body and change it. A body that nothing changes is sent as it was.
func Adapt(steps ...func(*Fields) error) func([]byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) {
		f, err := ReadFields(body)
		if err != nil {
			return nil, err
		}
		for _, step := range steps {
			if err := step(f); err != nil {
				return nil, err
			}
		}
		return f.JSON(body)
	}
}

// ReadFields reads a JSON object; no body at all is one without members.
func ReadFields(body []byte) (*Fields, error) {
	f := &Fields{members: map[string]json.RawMessage{}}
	if len(bytes.TrimSpace(body)) == 0 {
		return f, nil
	}
	if err := json.Unmarshal(body, &f.members); err != nil || f.members == nil {
		return nil, Invalid("", "the request body is not a JSON object")
	}
	return f, nil
}

// Get returns a member's value, nil if it is not there or null.
func (f *Fields) Get(name string) json.RawMessage {
	if raw := f.members[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

// Set sets a member.
func (f *Fields) Set(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return Invalid(name, "field %q cannot be read: %w", name, err)
	}
	f.members[name], f.changed = raw, true
	return nil
}

// Remove takes a member away.
func (f *Fields) Remove(name string) {
	if _, there := f.members[name]; there {
		delete(f.members, name)
		f.changed = true
	}
}

// Text is a member's string, "" if it is none.
func (f *Fields) Text(name string) string {
	var s string
	if json.Unmarshal(f.Get(name), &s) != nil {
		return ""
	}
	return s
}

// IsNumber reports whether a member is the number, however it is written.
func (f *Fields) IsNumber(name string, want float64) bool {
	var n *float64
	return f.Get(name) != nil && json.Unmarshal(f.Get(name), &n) == nil && n != nil && *n == want
}

// ListOf makes a list of a member that is a lone string.
func (f *Fields) ListOf(name string) error {
	if raw := f.Get(name); len(raw) > 0 && raw[0] == '"' {
		return f.Set(name, []json.RawMessage{raw})
	}
	return nil
}

// JSON returns the object; as it was, if nothing changed.
func (f *Fields) JSON(was []byte) ([]byte, error) {
	if !f.changed {
		return was, nil
	}
	return json.Marshal(f.members)
}

// FieldsOf are the fields of a request that its type does not name.
func FieldsOf(members map[string]json.RawMessage) *Fields { return &Fields{members: members} }
