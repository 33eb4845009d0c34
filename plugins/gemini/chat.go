package main

import (
	"context"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Chat implements [provider.Chatter].
func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	body, err := translate(req)
	if err != nil {
		return nil, err
	}
	resp, err := e.post(ctx, req.Call, req.Model, methodGenerate, body)
	if err != nil {
		return nil, err
	}
	var answer generateAnswer
	if err := readAnswer(resp, &answer); err != nil {
		return nil, err
	}
	out, err := answer.canonical()
	if err != nil {
		return nil, err
	}
	out.Meta = resp.Meta()
	answer.report(&out.Meta)
	return out, nil
}

// canonical translates a whole answer. A prompt that was refused is an error; an
// answer that was stopped half-way is an answer that says so.
func (a *generateAnswer) canonical() (*provider.ChatResponse, error) {
	if len(a.Candidates) == 0 {
		if blocked := a.PromptFeedback.blocked(); blocked != nil {
			blocked.RequestID = a.ResponseID
			return nil, blocked
		}
		return nil, protocolError("the answer has neither candidates nor a reason why not")
	}
	out := &provider.ChatResponse{
		ID: a.ResponseID, Model: a.ModelVersion, Usage: a.UsageMetadata.tokens().ChatUsage(), Extra: a.extra,
	}
	for i := range a.Candidates {
		choice, err := a.Candidates[i].choice()
		if err != nil {
			return nil, err
		}
		out.Choices = append(out.Choices, choice)
	}
	return out, nil
}

// report adds what the answer tells about itself.
func (a *generateAnswer) report(meta *provider.Meta) {
	if a.ModelVersion != "" {
		meta.Model = a.ModelVersion
	}
	if a.ResponseID != "" {
		meta.RequestID = a.ResponseID
	}
	if usage := a.UsageMetadata.tokens(); usage != nil {
		meta.Usage = usage
	}
}
