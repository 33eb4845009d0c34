package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// generateAnswer is an answer of generateContent, or one event of a stream.
type generateAnswer struct {
	Candidates     []candidate    `json:"candidates"`
	PromptFeedback promptFeedback `json:"promptFeedback"`
	UsageMetadata  *usageMetadata `json:"usageMetadata"`
	ModelVersion   string         `json:"modelVersion"`
	ResponseID     string         `json:"responseId"`

	extra provider.Extra
}

// UnmarshalJSON keeps the fields that have no place in the canonical answer.
func (a *generateAnswer) UnmarshalJSON(data []byte) (err error) {
	type plain generateAnswer
	a.extra, err = decodeOpen(data, (*plain)(a), "candidates", "usageMetadata", "modelVersion", "responseId")
	return err
}

// candidate is one of the answers.
type candidate struct {
	Index          int             `json:"index"`
	Content        content         `json:"content"`
	FinishReason   string          `json:"finishReason"`
	FinishMessage  string          `json:"finishMessage"`
	SafetyRatings  []safetyRating  `json:"safetyRatings"`
	LogprobsResult *logprobsResult `json:"logprobsResult"`

	extra provider.Extra
}

// UnmarshalJSON keeps the fields that have no place in the canonical choice, such
// as sources and citations.
func (c *candidate) UnmarshalJSON(data []byte) (err error) {
	type plain candidate
	c.extra, err = decodeOpen(data, (*plain)(c), "index", "content", "finishReason", "logprobsResult")
	return err
}

// decodeOpen decodes an object and returns its fields but for those named.
func decodeOpen(data []byte, v any, names ...string) (provider.Extra, error) {
	if err := json.Unmarshal(data, v); err != nil {
		return nil, err
	}
	var all provider.Extra
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	for _, name := range names {
		delete(all, name)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// pieces are what the parts of a candidate, or of one event of it, hold.
type pieces struct {
	text, thoughts string
	hasText        bool
	calls          []provider.ToolCall
	other          []part // without a canonical form
	signature      string // of what is no call
}

// sort takes a candidate's parts apart.
func (c *candidate) sort() pieces {
	var p pieces
	for _, in := range c.Content.Parts {
		switch {
		case in.FunctionCall != nil:
			p.calls = append(p.calls, toolCall(in))
			continue
		case in.Text != nil && in.Thought:
			p.thoughts += *in.Text
		case in.Text != nil:
			p.text += *in.Text
			p.hasText = true
		default:
			p.other = append(p.other, in) // with its own signature
			continue
		}
		if in.ThoughtSignature != "" {
			p.signature = in.ThoughtSignature
		}
	}
	return p
}

// extra are the fields of a message or a delta that have no canonical form.
func (p *pieces) extra() provider.Extra {
	var extra provider.Extra
	if len(p.other) > 0 {
		extra = withField(extra, partsField, p.other)
	}
	return withSignature(extra, p.signature)
}

// toolCall translates a call of a function. Older models give it no id, but the
// caller needs one to say which call a result belongs to.
func toolCall(in part) provider.ToolCall {
	id := in.FunctionCall.ID
	if id == "" {
		id = "call_" + strings.ToLower(rand.Text())
	}
	args := "{}"
	var compact bytes.Buffer // whole answers come indented
	if json.Compact(&compact, in.FunctionCall.Args) == nil && compact.String() != "null" {
		args = compact.String()
	}
	return provider.ToolCall{
		ID: id, Type: "function",
		Function: provider.FunctionCall{Name: in.FunctionCall.Name, Arguments: args},
		Extra:    withSignature(nil, in.ThoughtSignature),
	}
}

// choice translates a candidate of a whole answer.
func (c *candidate) choice() (provider.Choice, error) {
	p := c.sort()
	finish, err := c.finish(len(p.calls) > 0)
	if err != nil {
		return provider.Choice{}, err
	}
	if finish == "" {
		return provider.Choice{}, protocolError("the answer is not complete: a candidate has no finishReason")
	}
	message := provider.ResponseMessage{
		Role: "assistant", ReasoningContent: p.thoughts, ToolCalls: p.calls, Extra: p.extra(),
	}
	if p.hasText {
		message.Content = &p.text
	}
	return provider.Choice{
		Index: c.Index, Message: message, FinishReason: finish, Logprobs: c.LogprobsResult.canonical(), Extra: c.choiceExtra(),
	}, nil
}

// choiceExtra are the candidate's own fields. The service's word for the end is
// among them where the canonical one says less.
func (c *candidate) choiceExtra() provider.Extra {
	switch c.FinishReason {
	case "", "STOP", "MAX_TOKENS":
		return c.extra
	default:
		return withField(c.extra, "finishReason", c.FinishReason)
	}
}
