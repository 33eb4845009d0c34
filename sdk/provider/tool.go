package provider

import (
	"encoding/json"
)

// Tool is a function that the model may call.
type Tool struct {
	Type     string    `json:"type"`
	Function *Function `json:"function,omitempty"`
	Extra    Extra     `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (t *Tool) UnmarshalJSON(data []byte) error {
	type plain Tool
	return decodeOpen(data, (*plain)(t), &t.Extra)
}

// MarshalJSON writes the fields and Extra.
func (t Tool) MarshalJSON() ([]byte, error) {
	type plain Tool
	return encodeOpen(plain(t), t.Extra)
}

// Function describes a tool's function; Parameters is a JSON schema.
type Function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

// ToolCall is a call that the model asks for. In a stream its pieces carry the
// Index of the call that they belong to.
type ToolCall struct {
	Index    *int         `json:"index,omitempty"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function FunctionCall `json:"function"`
	Extra    Extra        `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (t *ToolCall) UnmarshalJSON(data []byte) error {
	type plain ToolCall
	return decodeOpen(data, (*plain)(t), &t.Extra)
}

// MarshalJSON writes the fields and Extra.
func (t ToolCall) MarshalJSON() ([]byte, error) {
	type plain ToolCall
	return encodeOpen(plain(t), t.Extra)
}

// FunctionCall is the function to call; Arguments is JSON as text, in a stream
// a fragment of it.
type FunctionCall struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}
