package wire

import (
	"context"
	"encoding/json"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// implements reports whether an endpoint has code for an operation in a mode.
func implements(endpoint provider.Endpoint, operation string, mode provider.Mode) bool {
	var typed, raw bool
	switch mode {
	case provider.ModeCall:
		_, raw = endpoint.(provider.Caller)
		switch operation {
		case provider.OpChat:
			_, typed = endpoint.(provider.Chatter)
		case provider.OpEmbeddings:
			_, typed = endpoint.(provider.Embedder)
		case provider.OpRerank:
			_, typed = endpoint.(provider.Reranker)
		case provider.OpModels:
			_, typed = endpoint.(provider.ModelLister)
		}
	case provider.ModeStream:
		_, raw = endpoint.(provider.Streamer)
		if operation == provider.OpChat {
			_, typed = endpoint.(provider.ChatStreamer)
		}
	case provider.ModeTransfer:
		_, raw = endpoint.(provider.Transferer)
	}
	return typed || raw
}

// answer dispatches a call of mode "call", typed interfaces before the raw one.
func (c *call) answer(ctx context.Context) (*provider.Response, error) {
	switch c.req.Operation {
	case provider.OpChat:
		if ep, ok := c.endpoint.(provider.Chatter); ok {
			return c.chat(ctx, ep)
		}
	case provider.OpEmbeddings:
		if ep, ok := c.endpoint.(provider.Embedder); ok {
			return c.embed(ctx, ep)
		}
	case provider.OpRerank:
		if ep, ok := c.endpoint.(provider.Reranker); ok {
			return c.rerank(ctx, ep)
		}
	case provider.OpModels:
		if ep, ok := c.endpoint.(provider.ModelLister); ok {
			return c.models(ctx, ep)
		}
	}
	if ep, ok := c.endpoint.(provider.Caller); ok {
		return ep.Call(ctx, c.req)
	}
	return nil, c.unsupported()
}

// model is the model of a typed request: the envelope's, else the body's, else
// the endpoint's, else the default for the operation.
func (c *call) model(body string) string {
	for _, m := range []string{c.req.Model, body, c.config.Model} {
		if m != "" {
			return m
		}
	}
	return c.manifest.DefaultModel(c.req.Operation)
}

// chatRequest decodes the body of "chat".
func (c *call) chatRequest() (*provider.ChatRequest, error) {
	req := &provider.ChatRequest{}
	if err := decodeBody(c.req.Body, req); err != nil {
		return nil, err
	}
	if req.Messages == nil {
		return nil, missingField("messages")
	}
	req.Model, req.Call = c.model(req.Model), c.req
	return req, nil
}

func (c *call) chat(ctx context.Context, ep provider.Chatter) (*provider.Response, error) {
	req, err := c.chatRequest()
	if err != nil {
		return nil, err
	}
	out, err := ep.Chat(ctx, req)
	if err != nil || out == nil {
		return nil, err
	}
	body := *out // the author may keep or share the answer
	if body.Model == "" {
		body.Model = req.Model
	}
	if body.ID == "" && c.req.RequestID != "" { // clients log it and look it up by it
		body.ID = "chatcmpl-" + c.req.RequestID
	}
	if body.Created == 0 {
		body.Created = time.Now().Unix()
	}
	meta := body.Meta
	fillMeta(&meta, body.Model, body.Usage.Tokens())
	if meta.FinishReason == "" && len(body.Choices) > 0 {
		meta.FinishReason = body.Choices[0].FinishReason
	}
	return encode(meta, body)
}

func (c *call) embed(ctx context.Context, ep provider.Embedder) (*provider.Response, error) {
	req := &provider.EmbeddingRequest{}
	if err := decodeBody(c.req.Body, req); err != nil {
		return nil, err
	}
	switch {
	case req.Input.Texts == nil && req.Input.Tokens == nil:
		return nil, missingField("input")
	case req.Input.Len() == 0:
		return nil, invalid("input", "field \"input\" is empty; give at least one text")
	}
	req.Model, req.Call = c.model(req.Model), c.req
	out, err := ep.Embed(ctx, req)
	if err != nil || out == nil {
		return nil, err
	}
	body := *out
	if body.Model == "" {
		body.Model = req.Model
	}
	// The caller's wish decides the form, whatever the service answered in: a
	// client that asked for base64 reads a list of numbers as an empty vector.
	body.Data = make([]provider.Embedding, len(out.Data))
	for i, e := range out.Data {
		e.Vector.Base64 = req.EncodingFormat == "base64"
		body.Data[i] = e
	}
	meta := body.Meta
	var usage *provider.Usage
	if body.Usage != nil {
		usage = &provider.Usage{Input: body.Usage.PromptTokens, Total: body.Usage.TotalTokens}
	}
	fillMeta(&meta, body.Model, usage)
	return encode(meta, body)
}

func (c *call) rerank(ctx context.Context, ep provider.Reranker) (*provider.Response, error) {
	req := &provider.RerankRequest{}
	if err := decodeBody(c.req.Body, req); err != nil {
		return nil, err
	}
	if req.Documents == nil {
		return nil, missingField("documents")
	}
	req.Model, req.Call = c.model(req.Model), c.req
	out, err := ep.Rerank(ctx, req)
	if err != nil || out == nil {
		return nil, err
	}
	body := *out
	if body.Model == "" {
		body.Model = req.Model
	}
	meta := body.Meta
	fillMeta(&meta, body.Model, nil)
	return encode(meta, body)
}

func (c *call) models(ctx context.Context, ep provider.ModelLister) (*provider.Response, error) {
	out, err := ep.ListModels(ctx, c.req)
	if err != nil || out == nil {
		return nil, err
	}
	return encode(out.Meta, out)
}

// fillMeta takes from the body what the author did not report beside it.
func fillMeta(meta *provider.Meta, model string, usage *provider.Usage) {
	if meta.Model == "" {
		meta.Model = model
	}
	if meta.Usage == nil {
		meta.Usage = usage
	}
}

func encode(meta provider.Meta, body any) (*provider.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, provider.Errorf(provider.CodeInternal, "encode the answer: %w", err)
	}
	return &provider.Response{Meta: meta, Body: data}, nil
}
