package main

import (
	"context"
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// Chat implements [provider.Chatter].
func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	resp, err := e.ask(ctx, req, false)
	if err != nil {
		return nil, err
	}
	a, _, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	return a.completion(resp)
}

// StreamChat implements [provider.ChatStreamer].
func (e *endpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	resp, err := e.ask(ctx, req, true)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	c := &chatStream{out: out, withUsage: req.StreamOptions != nil && req.StreamOptions.IncludeUsage}
	c.events = eventStream{resp: resp, sink: out, take: c.take, send: c.send}
	return c.events.run()
}

// ask translates the request and sends it.
func (e *endpoint) ask(ctx context.Context, req *provider.ChatRequest, stream bool) (*rest.Response, error) {
	b, err := e.translate(req)
	if err != nil {
		return nil, err
	}
	b.Stream = stream
	return e.post(ctx, req.Call, pathMessages, b)
}

// post sends a body.
func (e *endpoint) post(ctx context.Context, req *provider.Request, path string, b *body) (*rest.Response, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return nil, provider.Errorf(provider.CodeInternal, "encode the request: %w", err)
	}
	return e.do(ctx, req, &rest.Request{Path: path, Body: data, Accept: accept(b.Stream)})
}

func accept(stream bool) string {
	if stream {
		return rest.TypeEventStream
	}
	return rest.TypeJSON
}
