package main

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// completionRequest names the fields of OpenAI's completion request that echo
// looks at. Raw operations choose their own types, or none at all.
type completionRequest struct {
	Model         string                  `json:"model"`
	Prompt        provider.StringOrList   `json:"prompt"`
	MaxTokens     *int                    `json:"max_tokens"`
	StreamOptions *provider.StreamOptions `json:"stream_options"`
}

// completion is both the answer and the chunk: OpenAI gives them one shape.
type completion struct {
	ID      string              `json:"id"`
	Object  string              `json:"object"`
	Created int64               `json:"created"`
	Model   string              `json:"model"`
	Choices []completionChoice  `json:"choices"`
	Usage   *provider.ChatUsage `json:"usage,omitempty"`
}

type completionChoice struct {
	Index        int             `json:"index"`
	Text         string          `json:"text"`
	Logprobs     json.RawMessage `json:"logprobs"`
	FinishReason *string         `json:"finish_reason"`
}

// Call implements [provider.Caller]: it answers completions, the one declared
// operation that no typed method answers.
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	_, reply, err := e.beginCompletion(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := e.pause(ctx, len(reply.words)); err != nil {
		return nil, err
	}
	answer := reply.completion(completionChoice{Text: reply.text(), FinishReason: &reply.finish})
	answer.Usage = reply.usage.ChatUsage()
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	meta := provider.Meta{Model: reply.model, FinishReason: reply.finish, Usage: &reply.usage}
	return &provider.Response{Meta: meta, Body: body}, nil
}

// Stream implements [provider.Streamer]: completions, a chunk for each word.
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	params, reply, err := e.beginCompletion(ctx, req)
	if err != nil {
		return provider.Finish{}, err
	}
	for i, delta := range reply.deltas() {
		if err := e.faults.duringStream(i); err != nil {
			return provider.Finish{}, err
		}
		if err := e.pause(ctx, 1); err != nil {
			return provider.Finish{}, err
		}
		if err := send(out, reply.completion(completionChoice{Text: *delta.Content})); err != nil {
			return provider.Finish{}, err
		}
	}
	last := []completion{reply.completion(completionChoice{FinishReason: &reply.finish})}
	if params.StreamOptions != nil && params.StreamOptions.IncludeUsage {
		usage := reply.completion()
		usage.Usage = reply.usage.ChatUsage()
		last = append(last, usage)
	}
	return provider.Finish{Reason: reply.finish, Usage: &reply.usage}, send(out, last...)
}

func (e *endpoint) beginCompletion(ctx context.Context, req *provider.Request) (*completionRequest, *reply, error) {
	if req.Operation != provider.OpCompletions {
		return nil, nil, provider.Unsupported(req.Operation, "")
	}
	var params completionRequest
	if err := json.Unmarshal(req.Body, &params); err != nil {
		return nil, nil, invalid("", "the body cannot be read: %v", err)
	}
	if len(params.Prompt) == 0 {
		return nil, nil, invalid("prompt", "prompt is missing: give a text or a list of texts")
	}
	prompt := strings.Join(params.Prompt, "\n")
	if err := e.faults.before(ctx, prompt); err != nil {
		return nil, nil, err
	}
	// The host's word on the model stands above the body's, and both above the
	// endpoint's. For typed operations the SDK has decided that already.
	model := cmp.Or(req.Model, params.Model, e.model, defaultModel)
	r := &reply{id: "cmpl-" + req.RequestID, model: model}
	r.say(prompt, params.MaxTokens)
	r.count([]provider.Message{{Content: provider.TextContent(prompt)}})
	return &params, r, nil
}

func (r *reply) completion(choices ...completionChoice) completion {
	if choices == nil {
		choices = []completionChoice{}
	}
	return completion{
		ID: r.id, Object: "text_completion", Created: time.Now().Unix(), Model: r.model, Choices: choices,
	}
}

// send encodes chunks and passes them on together.
func send(out provider.Sink, chunks ...completion) error {
	encoded := make([][]byte, len(chunks))
	for i, c := range chunks {
		data, err := json.Marshal(c)
		if err != nil {
			return err
		}
		encoded[i] = data
	}
	return out.Send(encoded...)
}
