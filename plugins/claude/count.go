package main

import (
	"context"
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// countTokens counts the input tokens of a chat request. The body is that of
// chat; what has no part in the input is not sent.
func (e *endpoint) countTokens(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	var chat provider.ChatRequest
	if err := json.Unmarshal(req.Body, &chat); err != nil {
		return nil, invalid("", "the body must be a JSON object as of chat: %w", err)
	}
	if chat.Messages == nil {
		return nil, invalid("messages", `field "messages" is required`)
	}
	chat.Model, chat.Call = e.resolve(req, chat.Model), req
	full, err := e.translate(&chat)
	if err != nil {
		return nil, err
	}
	b := &body{
		Model: full.Model, System: full.System, Messages: full.Messages, Tools: full.Tools, ToolChoice: full.ToolChoice,
		Thinking: full.Thinking, OutputConfig: full.OutputConfig,
	}
	if raw := full.extra["cache_control"]; raw != nil {
		b.extra = provider.Extra{"cache_control": raw}
	}
	resp, err := e.post(ctx, req, pathCount, b)
	if err != nil {
		return nil, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	var counted struct {
		InputTokens *int64 `json:"input_tokens"`
	}
	if err := json.Unmarshal(data, &counted); err != nil || counted.InputTokens == nil {
		return nil, resp.Unexpected(data, "a count of tokens")
	}
	meta := resp.Meta()
	meta.Model = b.Model
	return &provider.Response{Meta: meta, Body: data}, nil
}
