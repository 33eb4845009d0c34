package openaicompat

import (
	"bytes"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// canonicalName is the name of the field with what the model thought.
const canonicalName = "reasoning_content"

// serviceMessages gives fields of the messages in a conversation the service's
// names: what the model thought, which some models must see again, and those of
// [Dialect.Messages].
func (d *Dialect) serviceMessages(op *Operation, body []byte) []byte {
	if op.Name != provider.OpChat {
		return body
	}
	var changes []jsonscan.Change
	if d.Reasoning != "" && named(body, canonicalName) {
		changes = append(changes, jsonscan.Change{Key: canonicalName, Name: d.Reasoning})
	}
	for from, to := range d.Messages {
		if named(body, from) {
			changes = append(changes, jsonscan.Change{Key: from, Name: to, Remove: to == ""})
		}
	}
	if changes == nil {
		return body
	}
	return editMember(body, "messages", func(list []byte) []byte {
		return editEach(list, func(message []byte) []byte { return edited(message, changes) })
	})
}

// canonicalReasoning gives the thoughts in an answer or a chunk the canonical
// name.
func (d *Dialect) canonicalReasoning(op *Operation, body []byte) []byte {
	if d.Reasoning == "" || op.Name != provider.OpChat || !named(body, d.Reasoning) {
		return body
	}
	rename := []jsonscan.Change{{Key: d.Reasoning, Name: canonicalName}}
	inMessage := func(message []byte) []byte { return edited(message, rename) }
	return editMember(body, "choices", func(list []byte) []byte {
		return editEach(list, func(choice []byte) []byte {
			return editMember(editMember(choice, "message", inMessage), "delta", inMessage)
		})
	})
}

// named reports whether the text may have a field of that name. Most bodies have
// none and are not taken apart for it.
func named(body []byte, name string) bool {
	var space [64]byte
	return bytes.Contains(body, jsonscan.AppendString(space[:0], name))
}

// edited applies changes to an object; what is none stays as it is.
func edited(object []byte, changes []jsonscan.Change) []byte {
	out, err := jsonscan.Edit(object, append([]jsonscan.Change(nil), changes...))
	if err != nil {
		return object
	}
	return out
}

// editMember changes the value of a member that is there.
func editMember(object []byte, key string, change func([]byte) []byte) []byte {
	return edited(object, []jsonscan.Change{{Key: key, Make: func(old []byte) []byte {
		if old == nil {
			return nil
		}
		return change(old)
	}}})
}

// editEach changes the elements of a list.
func editEach(list []byte, change func([]byte) []byte) []byte {
	out := append(make([]byte, 0, len(list)+64), '[')
	elements := jsonscan.NewArray(list)
	for elements.Next() {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, change(elements.Value())...)
	}
	if elements.Err() != nil {
		return list
	}
	return append(out, ']')
}
