package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// operation is one of Ollama's own, whose bodies are Ollama's on both ways.
type operation struct {
	name, description string
	method, path      string
	streams           bool // has a mode stream
	unsafe            bool
	model             modelUse
}

// modelUse says where an operation has its model from.
type modelUse uint8

const (
	noModel    modelUse = iota
	anyModel            // the request's or the endpoint's
	namedModel          // the body must name one: none is changed by default
)

var native = []operation{
	{name: "generate", description: "Continues a prompt.", method: http.MethodPost, path: "/api/generate", streams: true, model: anyModel},
	{name: "show", description: "Describes a model.", method: http.MethodPost, path: "/api/show", model: anyModel},
	{name: "ps", description: "Lists the models in memory.", method: http.MethodGet, path: "/api/ps"},
	{name: "pull", description: "Fetches a model from the library.", method: http.MethodPost, path: "/api/pull", streams: true, model: namedModel},
	{name: "copy", description: "Gives a model a second name.", method: http.MethodPost, path: "/api/copy"},
	{name: "delete", description: "Deletes a model from the server's disk.", method: http.MethodDelete, path: "/api/delete", unsafe: true, model: namedModel},
	{name: "version", description: "Says the server's version.", method: http.MethodGet, path: "/api/version"},
}

func nativeOperation(name string) (*operation, error) {
	for i := range native {
		if native[i].name == name {
			return &native[i], nil
		}
	}
	return nil, provider.Unsupported(name, "")
}

// Call implements [provider.Caller] for Ollama's own operations.
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	op, err := nativeOperation(req.Operation)
	if err != nil {
		return nil, err
	}
	body, err := e.nativeBody(op, req, false)
	if err != nil {
		return nil, err
	}
	resp, err := e.do(ctx, req, op.method, op.path, body, rest.TypeJSON)
	if err != nil {
		return nil, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(data)) == 0 { // copy and delete say nothing
		data = []byte(`{"status":"success"}`)
	}
	var got answer
	if err := read(resp, data, &got); err != nil {
		return nil, err
	}
	out := &provider.Response{Meta: resp.Meta(), Body: data}
	out.Model, out.Usage = got.Model, got.usage()
	if got.Done {
		out.FinishReason = got.finish(false)
	}
	return out, nil
}

// nativeBody is the caller's body with the model that is meant, nil for requests
// that have none.
func (e *endpoint) nativeBody(op *operation, req *provider.Request, stream bool) (any, error) {
	if op.method == http.MethodGet {
		return nil, nil
	}
	body := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(req.Body)) > 0 {
		if err := json.Unmarshal(req.Body, &body); err != nil || body == nil {
			return nil, invalid("", "the request body is not a JSON object")
		}
	}
	if op.model != noModel {
		if err := e.setModel(op, body, req.Model); err != nil {
			return nil, err
		}
	}
	if op.streams {
		body["stream"] = json.RawMessage("false")
		if stream {
			body["stream"] = json.RawMessage("true")
		}
	}
	return body, nil
}

// setModel sets the model in a body. The request's stands above the body's.
func (e *endpoint) setModel(op *operation, body map[string]json.RawMessage, requested string) error {
	var named string
	_ = json.Unmarshal(body["model"], &named) // of another type it is none
	model := named
	if requested != "" && (named != "" || op.model == anyModel) {
		model = requested
	}
	if model == "" && op.model == anyModel {
		model = e.model
	}
	if model == "" {
		return invalid("model", "field \"model\" must name the model")
	}
	quoted, err := json.Marshal(model)
	body["model"] = quoted
	return err
}

// Stream implements [provider.Streamer]: the lines of the answer are the chunks.
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	op, err := nativeOperation(req.Operation)
	if err != nil || !op.streams {
		return provider.Finish{}, provider.Unsupported(req.Operation, "")
	}
	body, err := e.nativeBody(op, req, true)
	if err != nil {
		return provider.Finish{}, err
	}
	resp, err := e.do(ctx, req, op.method, op.path, body, rest.TypeLines)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	s := &nativeStream{resp: resp, out: out}
	err = eachBatch(resp, s.take)
	return s.finish, err
}

// nativeStream passes lines on and looks for the last one.
type nativeStream struct {
	resp    *rest.Response
	out     provider.Sink
	started bool
	finish  provider.Finish
}

func (s *nativeStream) take(lines [][]byte) (done bool, err error) {
	var failure error
	whole, model := 0, ""
	for _, line := range lines {
		var got struct {
			answer
			Status string `json:"status"`
		}
		if failure = read(s.resp, line, &got); failure != nil {
			break
		}
		whole, model = whole+1, got.Model
		if done = got.Done || got.Status == "success"; done {
			s.finish.Usage = got.usage()
			if got.Done {
				s.finish.Reason = got.finish(false)
			}
			break
		}
	}
	if failure != nil && !s.started {
		return false, failure
	}
	if whole > 0 && !s.started {
		s.started = true
		meta := s.resp.Meta()
		meta.Model = model
		if err := s.out.Start(meta); err != nil {
			return false, err
		}
	}
	if whole > 0 {
		if err := s.out.Send(lines[:whole]...); err != nil {
			return false, err
		}
	}
	return done, failure
}
