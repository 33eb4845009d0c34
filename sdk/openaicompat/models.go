package openaicompat

import (
	"bytes"
	"sync/atomic"
)

// maxModelName bounds the names that are remembered, in bytes.
const maxModelName = 256

// modelNames remembers the last model that answered, so that a name which comes
// with every answer is not allocated for every answer. It is safe for concurrent
// use.
type modelNames struct{ last atomic.Pointer[string] }

// text returns a JSON string as [text] does. asked is the model that was asked
// for, which most services report as it was written.
func (m *modelNames) text(raw []byte, asked string) string {
	if len(raw) < 2 {
		return ""
	}
	inner := raw[1 : len(raw)-1]
	if raw[0] != '"' || len(inner) > maxModelName || bytes.IndexByte(inner, '\\') >= 0 {
		return text(raw)
	}
	if string(inner) == asked {
		return asked
	}
	if last := m.last.Load(); last != nil && string(inner) == *last {
		return *last
	}
	name := string(inner)
	m.last.Store(&name)
	return name
}
