package provider

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ChatRequest is the canonical body of "chat": OpenAI's chat completion
// request. Pointers tell "not given" from zero.
type ChatRequest struct {
	Model               string          `json:"model,omitempty"`
	Messages            []Message       `json:"messages"`
	Stream              bool            `json:"stream,omitempty"`
	StreamOptions       *StreamOptions  `json:"stream_options,omitempty"`
	MaxTokens           *int            `json:"max_tokens,omitempty"`
	MaxCompletionTokens *int            `json:"max_completion_tokens,omitempty"`
	Temperature         *float64        `json:"temperature,omitempty"`
	TopP                *float64        `json:"top_p,omitempty"`
	N                   *int            `json:"n,omitempty"`
	Stop                StringOrList    `json:"stop,omitempty"`
	Seed                *int64          `json:"seed,omitempty"`
	PresencePenalty     *float64        `json:"presence_penalty,omitempty"`
	FrequencyPenalty    *float64        `json:"frequency_penalty,omitempty"`
	Tools               []Tool          `json:"tools,omitempty"`
	ToolChoice          json.RawMessage `json:"tool_choice,omitempty"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls,omitempty"`
	ResponseFormat      *ResponseFormat `json:"response_format,omitempty"`
	ReasoningEffort     string          `json:"reasoning_effort,omitempty"`
	User                string          `json:"user,omitempty"`
	// Extra holds all other fields of the body.
	Extra Extra `json:"-"`

	// Call is the request that carried the body: endpoint, model, request id.
	Call *Request `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (r *ChatRequest) UnmarshalJSON(data []byte) error {
	type plain ChatRequest
	return decodeOpen(data, (*plain)(r), &r.Extra)
}

// MarshalJSON writes the fields and Extra.
func (r ChatRequest) MarshalJSON() ([]byte, error) {
	type plain ChatRequest
	return encodeOpen(plain(r), r.Extra)
}

// StreamOptions are OpenAI's stream_options.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage,omitempty"`
}

// ResponseFormat asks for text, JSON, or JSON that fits a schema.
type ResponseFormat struct {
	Type       string          `json:"type"`
	JSONSchema json.RawMessage `json:"json_schema,omitempty"`
}

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
	// usage and finish reason from the body where Meta does not have them.
	Meta Meta `json:"-"`
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

// ChatUsage is OpenAI's usage object of completions and embeddings.
type ChatUsage struct {
	PromptTokens     int64              `json:"prompt_tokens"`
	CompletionTokens int64              `json:"completion_tokens"`
	TotalTokens      int64              `json:"total_tokens"`
	PromptDetails    *PromptDetails     `json:"prompt_tokens_details,omitempty"`
	OutputDetails    *CompletionDetails `json:"completion_tokens_details,omitempty"`
}

// PromptDetails are parts of the prompt tokens.
type PromptDetails struct {
	CachedTokens int64 `json:"cached_tokens"`
}

// CompletionDetails are parts of the completion tokens.
type CompletionDetails struct {
	ReasoningTokens int64 `json:"reasoning_tokens"`
}

// Tokens converts to the host's [Usage]; nil gives nil. A missing total is the
// sum of the parts.
func (u *ChatUsage) Tokens() *Usage {
	if u == nil {
		return nil
	}
	usage := &Usage{Input: u.PromptTokens, Output: u.CompletionTokens, Total: u.TotalTokens}
	if usage.Total == 0 {
		usage.Total = usage.Input + usage.Output
	}
	if u.PromptDetails != nil {
		usage.Cached = u.PromptDetails.CachedTokens
	}
	if u.OutputDetails != nil {
		usage.Reasoning = u.OutputDetails.ReasoningTokens
	}
	return usage
}

// ChatUsage converts to OpenAI's usage object; nil gives nil.
func (u *Usage) ChatUsage() *ChatUsage {
	if u == nil {
		return nil
	}
	c := &ChatUsage{PromptTokens: u.Input, CompletionTokens: u.Output, TotalTokens: u.Total}
	if u.Cached != 0 {
		c.PromptDetails = &PromptDetails{CachedTokens: u.Cached}
	}
	if u.Reasoning != 0 {
		c.OutputDetails = &CompletionDetails{ReasoningTokens: u.Reasoning}
	}
	return c
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

// StringOrList is a JSON string or a list of strings.
type StringOrList []string

// UnmarshalJSON takes both forms, and null as an empty list.
func (s *StringOrList) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var one string
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		*s = StringOrList{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return errors.New("must be a string or a list of strings")
	}
	*s = list
	return nil
}
