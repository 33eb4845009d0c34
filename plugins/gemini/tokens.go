package main

import (
	"context"
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// countRequest asks for the tokens of a whole request.
type countRequest struct {
	Request json.RawMessage `json:"generateContentRequest"`
}

// countTokens counts the tokens of a canonical conversation, or of a request in
// the service's own form, which has no messages and is passed on as it is. The
// answer is the service's, with the canonical input_tokens added.
func (e *endpoint) countTokens(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	model, body, err := e.rawBody(req)
	if err != nil {
		return nil, err
	}
	if body, err = countBody(model, body); err != nil {
		return nil, err
	}
	resp, err := e.post(ctx, req, model, methodCount, body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Total  *int64 `json:"totalTokens"`
		Cached int64  `json:"cachedContentTokenCount"`
		all    provider.Extra
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	if err := decodeAnswer(resp, data, &answer); err != nil {
		return nil, err
	}
	if answer.Total == nil {
		return nil, protocolError("the answer has no totalTokens")
	}
	if err := json.Unmarshal(data, &answer.all); err != nil {
		return nil, protocolError("the answer cannot be read: %w", err)
	}
	out := &provider.Response{Meta: resp.Meta()}
	out.Model = model
	out.Body, err = json.Marshal(withField(answer.all, "input_tokens", *answer.Total))
	return out, err
}

// countBody makes the body of countTokens.
func countBody(model string, body []byte) ([]byte, error) {
	var canonical struct {
		Messages json.RawMessage `json:"messages"`
	}
	if json.Unmarshal(body, &canonical) != nil || canonical.Messages == nil {
		return body, nil
	}
	chat := &provider.ChatRequest{}
	if err := json.Unmarshal(body, chat); err != nil {
		return nil, invalid("", "the request body is no conversation: %w", err)
	}
	chat.Model = model
	inner, err := translate(chat)
	if err != nil {
		return nil, err
	}
	name, err := resource(model)
	if err != nil {
		return nil, err
	}
	var all provider.Extra
	if err := json.Unmarshal(inner, &all); err != nil {
		return nil, err
	}
	whole, err := json.Marshal(withField(all, "model", name))
	if err != nil {
		return nil, err
	}
	return json.Marshal(countRequest{Request: whole})
}
