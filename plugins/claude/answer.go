package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// readAnswer reads a whole answer of the Messages API.
func readAnswer(resp *rest.Response) (*answer, []byte, error) {
	data, err := resp.ReadAll()
	if err != nil {
		return nil, nil, err
	}
	a := &answer{}
	if err := json.Unmarshal(data, a); err != nil || a.Content == nil {
		return nil, nil, resp.Unexpected(data, "a message")
	}
	return a, data, nil
}

// meta is what an answer reports beside its content.
func (a *answer) meta(resp *rest.Response) provider.Meta {
	m := resp.Meta()
	m.Model, m.FinishReason, m.Usage = a.Model, finishReason(a.StopReason), a.Usage.tokens()
	if m.RequestID == "" {
		m.RequestID = a.ID
	}
	return m
}

// completion translates an answer.
func (a *answer) completion(resp *rest.Response) (*provider.ChatResponse, error) {
	message, err := a.message()
	if err != nil {
		return nil, resp.Unexpected([]byte(err.Error()), "content blocks")
	}
	choice := provider.Choice{Message: *message, FinishReason: finishReason(a.StopReason), Extra: stopExtra(a.StopReason, a.StopSequence)}
	out := &provider.ChatResponse{
		ID: a.ID, Model: a.Model, Choices: []provider.Choice{choice}, Usage: a.Usage.tokens().ChatUsage(), Meta: a.meta(resp),
	}
	if tier := a.Usage.tier(); tier != "" {
		out.Extra = provider.Extra{"service_tier": encoded(tier)}
	}
	return out, nil
}

// message joins the content blocks to a message.
func (a *answer) message() (*provider.ResponseMessage, error) {
	var text, thought strings.Builder
	m := &provider.ResponseMessage{Role: "assistant"}
	var thinking []json.RawMessage
	var kinds kinds
	for _, raw := range a.Content {
		var p part
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, err
		}
		kinds.add(p.Type, len(p.Citations) > 0)
		switch p.Type {
		case typeText:
			text.WriteString(p.Text)
		case typeThinking, typeRedacted:
			thought.WriteString(p.Thinking)
			thinking = append(thinking, raw)
		case typeToolUse:
			m.ToolCalls = append(m.ToolCalls, provider.ToolCall{
				ID: p.ID, Type: "function", Function: provider.FunctionCall{Name: p.Name, Arguments: arguments(p.Input)},
			})
		}
	}
	if said := text.String(); said != "" || len(m.ToolCalls) == 0 {
		m.Content = &said
	}
	m.ReasoningContent = thought.String()
	if a.StopDetails != nil && a.StopDetails.Explanation != "" {
		m.Refusal = &a.StopDetails.Explanation
	}
	m.Extra = blocksExtra(thinking, a.Content, kinds.foreign)
	return m, nil
}

// arguments is a tool's input as text.
func arguments(input json.RawMessage) string {
	var text bytes.Buffer
	if empty(input) || json.Compact(&text, input) != nil {
		return "{}"
	}
	return text.String()
}

// kinds watches the order of the blocks of an answer.
type kinds struct {
	spoke bool // something other than thinking was there
	tools bool // a tool was called
	// foreign is true if chat cannot say the answer as it was: it has blocks of
	// other types, citations, or an order of its own. Whoever sends the answer
	// back must then send its blocks.
	foreign bool
}

func (k *kinds) add(kind string, citations bool) {
	switch kind {
	case typeThinking, typeRedacted:
		k.foreign = k.foreign || k.spoke
		return
	case typeText:
		k.foreign = k.foreign || citations || k.tools
	case typeToolUse:
		k.tools = true
	default:
		k.foreign = true
	}
	k.spoke = true
}

// blocksExtra are the blocks that a caller sends back with the message:
// thinking with its signatures and, where chat cannot say it, all of them.
func blocksExtra(thinking, all []json.RawMessage, foreign bool) provider.Extra {
	extra := provider.Extra{}
	if len(thinking) > 0 {
		extra["thinking_blocks"] = encoded(thinking)
	}
	if foreign {
		extra["content_blocks"] = encoded(all)
	}
	return extra
}

// stopExtra says in Anthropic's words why the answer ended.
func stopExtra(reason string, sequence *string) provider.Extra {
	extra := provider.Extra{}
	if reason != "" {
		extra["stop_reason"] = encoded(reason)
	}
	if sequence != nil {
		extra["stop_sequence"] = encoded(*sequence)
	}
	return extra
}

// encoded is JSON of what always encodes: texts, and JSON that was read before.
func encoded(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return data
}
