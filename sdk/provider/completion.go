package provider

import (
	"encoding/json"
)

// ChatResponse is the canonical answer of "chat": OpenAI's chat completion. It
// is written strictly: fields that OpenAI's description requires are there even
// when null.
type ChatResponse struct {
	ID      string     `json:"id"`
	Object  string     `json:"object"`
	Created int64      `json:"created"`
	Model   string     `json:"model"`
	Choices []Choice   `json:"choices"`
	Usage   *ChatUsage `json:"usage,omitempty"`
	Extra   Extra      `json:"-"`

	// Meta is what the provider reports beside the body. The SDK fills in model,
	// usage and finish reason from the body where Meta does not have them, and in
	// the body id, created and model where the provider has none.
	Meta Meta `json:"-"`
}

// Text is the first choice's text; "" if it has none, as with tool calls.
func (r *ChatResponse) Text() string {
	for _, choice := range r.Choices {
		if choice.Index == 0 && choice.Message.Content != nil {
			return *choice.Message.Content
		}
	}
	return ""
}

// UnmarshalJSON keeps unknown fields in Extra.
func (r *ChatResponse) UnmarshalJSON(data []byte) error {
	type plain ChatResponse
	return decodeOpen(data, (*plain)(r), &r.Extra)
}

// MarshalJSON writes the fields and Extra.
func (r ChatResponse) MarshalJSON() ([]byte, error) {
	if r.Object == "" {
		r.Object = "chat.completion"
	}
	if r.Choices == nil {
		r.Choices = []Choice{}
	}
	type plain ChatResponse
	return encodeOpen(plain(r), r.Extra)
}

// Choice is one completion.
type Choice struct {
	Index        int             `json:"index"`
	Message      ResponseMessage `json:"message"`
	FinishReason string          `json:"finish_reason"`
	Logprobs     json.RawMessage `json:"logprobs"`
	Extra        Extra           `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (c *Choice) UnmarshalJSON(data []byte) error {
	type plain Choice
	return decodeOpen(data, (*plain)(c), &c.Extra)
}

// MarshalJSON writes the fields and Extra.
func (c Choice) MarshalJSON() ([]byte, error) {
	type plain Choice
	return encodeOpen(plain(c), c.Extra)
}

// ResponseMessage is the message of a completion. Content and Refusal are null
// where the model gave none.
type ResponseMessage struct {
	Role             string     `json:"role"`
	Content          *string    `json:"content"`
	Refusal          *string    `json:"refusal"`
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	ToolCalls        []ToolCall `json:"tool_calls,omitempty"`
	Extra            Extra      `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (m *ResponseMessage) UnmarshalJSON(data []byte) error {
	type plain ResponseMessage
	return decodeOpen(data, (*plain)(m), &m.Extra)
}

// MarshalJSON writes the fields and Extra.
func (m ResponseMessage) MarshalJSON() ([]byte, error) {
	type plain ResponseMessage
	return encodeOpen(plain(m), m.Extra)
}
