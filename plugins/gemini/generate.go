package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Call implements [provider.Caller] for the operations in the service's own form.
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	switch req.Operation {
	case opGenerate:
		return e.generate(ctx, req)
	case opTokens:
		return e.countTokens(ctx, req)
	default:
		return nil, provider.Unsupported(req.Operation, "")
	}
}

// generate passes a body and its answer through.
func (e *endpoint) generate(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	model, body, err := e.rawBody(req)
	if err != nil {
		return nil, err
	}
	resp, err := e.post(ctx, req, model, methodGenerate, body)
	if err != nil {
		return nil, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	var answer generateAnswer
	if err := decodeAnswer(resp, data, &answer); err != nil {
		return nil, err
	}
	if len(answer.Candidates) == 0 && answer.PromptFeedback.blocked() == nil {
		return nil, protocolError("the answer has neither candidates nor a reason why not")
	}
	out := &provider.Response{Meta: resp.Meta(), Body: data}
	answer.report(&out.Meta)
	out.FinishReason = answer.finishReason(answer.calls())
	return out, nil
}

// calls reports whether the model calls functions.
func (a *generateAnswer) calls() bool {
	for i := range a.Candidates {
		for _, p := range a.Candidates[i].Content.Parts {
			if p.FunctionCall != nil {
				return true
			}
		}
	}
	return false
}

// finishReason is the canonical reason of the first candidate that has one. The
// caller reads the answer itself, so that no reason is a failure here.
func (a *generateAnswer) finishReason(calls bool) string {
	if a.PromptFeedback.blocked() != nil {
		return "content_filter"
	}
	for i := range a.Candidates {
		if reason, err := a.Candidates[i].finish(calls); err == nil && reason != "" {
			return reason
		}
	}
	return ""
}

// Stream implements [provider.Streamer]: the data of the service's events are the
// chunks.
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	if req.Operation != opGenerate {
		return provider.Finish{}, provider.Unsupported(req.Operation, "")
	}
	model, body, err := e.rawBody(req)
	if err != nil {
		return provider.Finish{}, err
	}
	resp, err := e.post(ctx, req, model, methodStream, body)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	in, err := events(resp)
	if err != nil {
		return provider.Finish{}, err
	}
	s := &rawStream{in: in, out: out, meta: resp.Meta()}
	return s.run()
}

// rawStream passes one stream through.
type rawStream struct {
	in      *eventStream
	out     provider.Sink
	meta    provider.Meta
	chunks  [][]byte
	started bool
	calls   bool // the model called functions
	end     provider.Finish
}

func (s *rawStream) run() (provider.Finish, error) {
	for {
		s.chunks = s.chunks[:0]
		before := s.end.Usage
		failure := s.in.next(s.event)
		if failure != nil && !errors.Is(failure, io.EOF) && !s.started {
			return provider.Finish{}, failure
		}
		if err := s.flush(s.end.Usage != before); err != nil {
			return provider.Finish{}, err
		}
		if errors.Is(failure, io.EOF) {
			return s.end, nil
		}
		if failure != nil {
			return provider.Finish{}, failure
		}
	}
}

func (s *rawStream) event(data []byte) error {
	var a generateAnswer
	if err := json.Unmarshal(data, &a); err != nil {
		return protocolError("an event of the stream cannot be read: %w", err)
	}
	s.in.note(&a)
	a.report(&s.meta)
	if usage := a.UsageMetadata.tokens(); usage != nil {
		s.end.Usage = usage
	}
	s.calls = s.calls || a.calls()
	if reason := a.finishReason(s.calls); reason != "" {
		s.end.Reason = reason
	}
	s.chunks = append(s.chunks, data)
	return nil
}

func (s *rawStream) flush(usage bool) error {
	if len(s.chunks) == 0 {
		return nil
	}
	if !s.started {
		s.started = true
		if err := s.out.Start(s.meta); err != nil {
			return err
		}
	}
	if err := s.out.Send(s.chunks...); err != nil {
		return err
	}
	if usage {
		return s.out.Usage(*s.end.Usage)
	}
	return nil
}

// rawBody returns the model and the body of a request in the service's own form.
// The bytes stay as they are. Only "model" and "stream", which are Backplane's
// and no part of the form, are taken out if they are there.
func (e *endpoint) rawBody(req *provider.Request) (model string, body []byte, err error) {
	var fields struct {
		Model  string          `json:"model"`
		Stream json.RawMessage `json:"stream"`
	}
	if !isObject(req.Body) {
		return "", nil, invalid("", "the request body must be a JSON object")
	}
	if err := json.Unmarshal(req.Body, &fields); err != nil {
		return "", nil, invalid("model", "model must be a string")
	}
	model = e.modelFor(req, fields.Model)
	if fields.Model == "" && fields.Stream == nil {
		return model, req.Body, nil
	}
	body, err = without(req.Body, "model", "stream")
	return model, body, err
}

// modelFor chooses the model of a raw request.
func (e *endpoint) modelFor(req *provider.Request, inBody string) string {
	for _, m := range []string{req.Model, inBody, e.model} {
		if m != "" {
			return m
		}
	}
	return defaultModel
}

// without removes fields from an object. The values of all others stay byte for
// byte.
func without(object []byte, names ...string) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		return nil, invalid("", "the request body must be a JSON object: %w", err)
	}
	for _, name := range names {
		delete(all, name)
	}
	return json.Marshal(all)
}
