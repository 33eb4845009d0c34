package provider

import (
	"encoding/json"
	"errors"
)

// Message is one message of a conversation.
type Message struct {
	Role       string     `json:"role"`
	Content    Content    `json:"content"`
	Name       string     `json:"name,omitempty"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
	Extra      Extra      `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (m *Message) UnmarshalJSON(data []byte) error {
	type plain Message
	return decodeOpen(data, (*plain)(m), &m.Extra)
}

// MarshalJSON writes the fields and Extra.
func (m Message) MarshalJSON() ([]byte, error) {
	type plain Message
	return encodeOpen(plain(m), m.Extra)
}

// Content is a message's content: a text, or a list of parts, or nothing.
type Content struct {
	// Text is set if the content was a plain string.
	Text string
	// Parts is not nil if the content was a list.
	Parts []Part
	// Null is true if the content was null or missing, as in an assistant
	// message with tool calls only.
	Null bool
}

// TextContent makes content of a plain string.
func TextContent(text string) Content { return Content{Text: text} }

// String returns all text of the content, its text parts joined.
func (c Content) String() string {
	if c.Parts == nil {
		return c.Text
	}
	var s string
	for _, p := range c.Parts {
		if p.Type == "text" {
			s += p.Text
		}
	}
	return s
}

// UnmarshalJSON takes a string, a list of parts or null.
func (c *Content) UnmarshalJSON(data []byte) error {
	*c = Content{}
	switch {
	case string(data) == "null":
		c.Null = true
		return nil
	case len(data) > 0 && data[0] == '"':
		return json.Unmarshal(data, &c.Text)
	case len(data) > 0 && data[0] == '[':
		c.Parts = []Part{}
		return json.Unmarshal(data, &c.Parts)
	default:
		return errors.New("must be a string, a list of parts or null")
	}
}

// MarshalJSON writes the form that the content has.
func (c Content) MarshalJSON() ([]byte, error) {
	switch {
	case c.Parts != nil:
		return json.Marshal(c.Parts)
	case c.Null:
		return []byte("null"), nil
	default:
		return json.Marshal(c.Text)
	}
}

// Part is one part of a message's content. Parts of other types than text and
// image_url keep their fields in Extra.
type Part struct {
	Type     string    `json:"type"`
	Text     string    `json:"text,omitempty"`
	ImageURL *ImageURL `json:"image_url,omitempty"`
	Extra    Extra     `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (p *Part) UnmarshalJSON(data []byte) error {
	type plain Part
	return decodeOpen(data, (*plain)(p), &p.Extra)
}

// MarshalJSON writes the fields and Extra.
func (p Part) MarshalJSON() ([]byte, error) {
	type plain Part
	return encodeOpen(plain(p), p.Extra)
}

// ImageURL is an image by address or as a data: URL.
type ImageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}
