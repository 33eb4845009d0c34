package tgi

import (
	"encoding/json"
	"slices"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
)

// messageList makes messages that the server takes: one with both text and tool
// calls is read as text alone there, and content that is null not at all.
func messageList(f *hf.Fields) error {
	var list []json.RawMessage
	if raw := f.Get("messages"); raw == nil || json.Unmarshal(raw, &list) != nil {
		return nil // the server says what is missing
	}
	changed := false
	for i, raw := range list {
		m, err := hf.ReadFields(raw)
		if err != nil {
			return hf.Invalid("messages", "message %d is not an object", i)
		}
		if err := message(m, i); err != nil {
			return err
		}
		edited, err := m.JSON(raw)
		if err != nil {
			return err
		}
		changed = changed || string(edited) != string(raw)
		list[i] = edited
	}
	if !changed {
		return nil
	}
	return f.Set("messages", list)
}

func message(m *hf.Fields, index int) error {
	if m.Text("role") == "developer" {
		if err := m.Set("role", "system"); err != nil {
			return err
		}
	}
	if calls := m.Get("tool_calls"); calls != nil && string(calls) != "[]" {
		m.Remove("content")
		return nil
	}
	m.Remove("tool_calls")
	content := m.Get("content")
	if content == nil {
		return m.Set("content", "")
	}
	return checkParts(content, index)
}

// checkParts refuses parts that no model of the server's can see.
func checkParts(content json.RawMessage, index int) error {
	if content[0] != '[' {
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(content, &parts); err != nil {
		return hf.Invalid("messages", "the content of message %d is no text and no list of parts", index)
	}
	for _, p := range parts {
		if !slices.Contains([]string{"text", "image_url"}, p.Type) {
			return hf.Invalid("messages", "message %d has a part of type %q; the server takes text and image_url", index, p.Type)
		}
	}
	return nil
}
