package main

import (
	"encoding/json"
	"maps"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// body is a request of the Messages API. Extra holds what callers added to
// their request and Claude may know; fields of the body stand above it.
type body struct {
	Model         string                     `json:"model"`
	MaxTokens     int                        `json:"max_tokens,omitempty"`
	System        []block                    `json:"system,omitempty"`
	Messages      []message                  `json:"messages"`
	Stream        bool                       `json:"stream,omitempty"`
	Temperature   *float64                   `json:"temperature,omitempty"`
	TopP          *float64                   `json:"top_p,omitempty"`
	StopSequences []string                   `json:"stop_sequences,omitempty"`
	Tools         []json.RawMessage          `json:"tools,omitempty"`
	ToolChoice    json.RawMessage            `json:"tool_choice,omitempty"`
	Thinking      json.RawMessage            `json:"thinking,omitempty"`
	OutputConfig  map[string]json.RawMessage `json:"output_config,omitempty"`
	Metadata      *metadata                  `json:"metadata,omitempty"`
	ServiceTier   string                     `json:"service_tier,omitempty"`

	extra provider.Extra
}

// MarshalJSON writes the fields and extra.
func (b *body) MarshalJSON() ([]byte, error) {
	type plain body
	return merge((*plain)(b), b.extra)
}

// merge encodes v, an object, with further fields; those of v win.
func merge(v any, extra provider.Extra) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil || len(extra) == 0 {
		return data, err
	}
	all := maps.Clone(extra)
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

type metadata struct {
	UserID string `json:"user_id"`
}

// message is a turn of the conversation.
type message struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

// block is a part of a turn. A block that the caller wrote in Anthropic's form
// is kept as it stands, in raw.
type block struct {
	Type         string          `json:"type"`
	Text         string          `json:"text,omitempty"`
	Source       *source         `json:"source,omitempty"`
	Title        string          `json:"title,omitempty"`
	ID           string          `json:"id,omitempty"`
	Name         string          `json:"name,omitempty"`
	Input        json.RawMessage `json:"input,omitempty"`
	ToolUseID    string          `json:"tool_use_id,omitempty"`
	Content      []block         `json:"content,omitempty"`
	IsError      bool            `json:"is_error,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`

	raw json.RawMessage
}

// MarshalJSON writes the block in the form that it has.
func (b block) MarshalJSON() ([]byte, error) {
	if b.raw != nil {
		return b.raw, nil
	}
	type plain block
	return json.Marshal(plain(b))
}

// source is where an image or a document comes from.
type source struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type,omitempty"`
	Data      string `json:"data,omitempty"`
	URL       string `json:"url,omitempty"`
}

// answer is a message of Claude's.
type answer struct {
	ID           string            `json:"id"`
	Model        string            `json:"model"`
	Content      []json.RawMessage `json:"content"`
	StopReason   string            `json:"stop_reason"`
	StopSequence *string           `json:"stop_sequence"`
	StopDetails  *stopDetails      `json:"stop_details"`
	Usage        *usage            `json:"usage"`
}

type stopDetails struct {
	Explanation string `json:"explanation"`
}

// part is a content block of an answer, as far as chat has a place for it.
type part struct {
	Type      string            `json:"type"`
	Text      string            `json:"text"`
	Citations []json.RawMessage `json:"citations"`
	Thinking  string            `json:"thinking"`
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Input     json.RawMessage   `json:"input"`
}

// Types of content blocks.
const (
	typeText     = "text"
	typeThinking = "thinking"
	typeRedacted = "redacted_thinking"
	typeToolUse  = "tool_use"
)
