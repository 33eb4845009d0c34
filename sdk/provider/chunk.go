package provider

import (
	"encoding/json"
	"fmt"
)

// ChatChunk is one chunk of a chat stream: OpenAI's chat.completion.chunk.
type ChatChunk struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Choices []ChunkChoice `json:"choices"`
	Usage   *ChatUsage    `json:"usage,omitempty"`
	Extra   Extra         `json:"-"`
}

// Text is what the chunk adds to the first choice's text; "" for chunks that
// carry something else, such as the role, a tool call or the usage.
func (c *ChatChunk) Text() string {
	for _, choice := range c.Choices {
		if choice.Index == 0 && choice.Delta.Content != nil {
			return *choice.Delta.Content
		}
	}
	return ""
}

// UnmarshalJSON keeps unknown fields in Extra.
func (c *ChatChunk) UnmarshalJSON(data []byte) error {
	type plain ChatChunk
	return decodeOpen(data, (*plain)(c), &c.Extra)
}

// MarshalJSON writes the fields and Extra.
func (c ChatChunk) MarshalJSON() ([]byte, error) {
	if c.Object == "" {
		c.Object = "chat.completion.chunk"
	}
	if c.Choices == nil {
		c.Choices = []ChunkChoice{}
	}
	type plain ChatChunk
	return encodeOpen(plain(c), c.Extra)
}

// ChunkChoice is what a chunk adds to one choice.
type ChunkChoice struct {
	Index        int             `json:"index"`
	Delta        Delta           `json:"delta"`
	Logprobs     json.RawMessage `json:"logprobs"`
	FinishReason *string         `json:"finish_reason"`
	Extra        Extra           `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (c *ChunkChoice) UnmarshalJSON(data []byte) error {
	type plain ChunkChoice
	return decodeOpen(data, (*plain)(c), &c.Extra)
}

// MarshalJSON writes the fields and Extra.
func (c ChunkChoice) MarshalJSON() ([]byte, error) {
	type plain ChunkChoice
	return encodeOpen(plain(c), c.Extra)
}

// Delta is the new part of a message in a stream.
type Delta struct {
	Role             string     `json:"role,omitempty"`
	Content          *string    `json:"content,omitempty"`
	Refusal          *string    `json:"refusal,omitempty"`
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	ToolCalls        []ToolCall `json:"tool_calls,omitempty"`
	Extra            Extra      `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (d *Delta) UnmarshalJSON(data []byte) error {
	type plain Delta
	return decodeOpen(data, (*plain)(d), &d.Extra)
}

// MarshalJSON writes the fields and Extra.
func (d Delta) MarshalJSON() ([]byte, error) {
	type plain Delta
	return encodeOpen(plain(d), d.Extra)
}

// ChatWriter sends typed chunks to a [Sink]. It is used by one goroutine.
type ChatWriter struct{ sink Sink }

// NewChatWriter wraps out.
func NewChatWriter(out Sink) *ChatWriter { return &ChatWriter{sink: out} }

// Start reports success of the upstream answer; see [Sink].
func (w *ChatWriter) Start(meta Meta) error { return w.sink.Start(meta) }

// Usage reports tokens used so far; see [Sink].
func (w *ChatWriter) Usage(u Usage) error { return w.sink.Usage(u) }

// Send passes on the chunks that are available now; see [Sink].
func (w *ChatWriter) Send(chunks ...*ChatChunk) error {
	encoded := make([][]byte, len(chunks))
	for i, c := range chunks {
		data, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("encode chunk: %w", err)
		}
		encoded[i] = data
	}
	return w.sink.Send(encoded...)
}
