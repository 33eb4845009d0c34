package main

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

const pathModels = "/models"

// endpoint is an opened endpoint. It does not change once made.
type endpoint struct {
	openaicompat.Connection

	own   ownSettings
	model string
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	e.Client.Close()
	return nil
}

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	switch req.Operation {
	case opInfer:
		return e.infer(ctx, req)
	case opInferBatch:
		return e.inferBatch(ctx, req)
	case opModelInfo:
		return e.modelInfo(ctx, req)
	default:
		return nil, provider.Unsupported(req.Operation, "")
	}
}

// do sends one request and reads its answer.
func (e *endpoint) do(ctx context.Context, req *provider.Request, path string, body []byte) (*rest.Response, []byte, error) {
	header := e.Header.Clone()
	if !req.Credential.IsZero() { // the caller's own stands above the endpoint's
		header.Set("Authorization", "Bearer "+req.Credential.Reveal())
	}
	resp, err := e.Client.Do(ctx, &rest.Request{Path: path, Query: e.Query, Header: header, Body: body, Accept: rest.TypeJSON})
	if err != nil {
		return nil, nil, err
	}
	data, err := resp.ReadAll()
	return resp, data, err
}

// ListModels implements [provider.ModelLister]. It also is how an endpoint is
// tested.
func (e *endpoint) ListModels(ctx context.Context, req *provider.Request) (*provider.ModelList, error) {
	resp, data, err := e.do(ctx, req, pathModels, nil)
	if err != nil {
		return nil, err
	}
	var got modelList
	if err := json.Unmarshal(data, &got); err != nil || got.Models == nil {
		return nil, resp.Unexpected(data, `a list of models as {"models":["id"]}`)
	}
	list := &provider.ModelList{Meta: resp.Meta()}
	for _, id := range got.Models {
		list.Data = append(list.Data, provider.Model{ID: id, OwnedBy: "llvm"})
	}
	return list, nil
}

// modelInfo passes on what the server says of a model.
func (e *endpoint) modelInfo(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	_, model, err := e.fields(req)
	if err != nil {
		return nil, err
	}
	resp, data, err := e.do(ctx, req, modelPath(model), nil)
	if err != nil {
		return nil, err
	}
	var info modelInfo
	if err := json.Unmarshal(data, &info); err != nil || !statuses[info.Status] {
		return nil, resp.Unexpected(data, `a model with a status of "loaded", "loading" or "failed"`)
	}
	out := &provider.Response{Meta: resp.Meta(), Body: data}
	out.Model = model
	return out, nil
}

// infer passes a body of the protocol's on and its answer back.
func (e *endpoint) infer(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	fields, model, err := e.fields(req)
	if err != nil {
		return nil, err
	}
	if err := checkInference(fields); err != nil {
		return nil, err
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	_, data, meta, err := e.run(ctx, req, model, body)
	if err != nil {
		return nil, err
	}
	return &provider.Response{Meta: meta, Body: data}, nil
}

// checkInference refuses what the protocol cannot say.
func checkInference(fields map[string]json.RawMessage) error {
	inputs := fields["inputs"]
	if len(inputs) == 0 || inputs[0] != '"' && inputs[0] != '{' {
		return invalid("inputs", `field "inputs" is required: a text or an object`)
	}
	return noStream(fields)
}

// noStream refuses a wish for a stream.
func noStream(fields map[string]json.RawMessage) error {
	if stream, ok := fields["stream"]; ok && string(stream) != "false" && string(stream) != "null" {
		e := provider.Errorf(provider.CodeUnsupported, `the protocol has no streams; leave "stream" out`)
		e.Param = "stream"
		return e
	}
	delete(fields, "stream")
	return nil
}

// run makes an inference.
func (e *endpoint) run(ctx context.Context, req *provider.Request, model string, body []byte) (*outcome, []byte, provider.Meta, error) {
	resp, data, err := e.do(ctx, req, modelPath(model)+"/inference", body)
	if err != nil {
		return nil, nil, provider.Meta{}, err
	}
	out := &outcome{}
	if err := json.Unmarshal(data, out); err != nil || !out.there() {
		return nil, nil, provider.Meta{}, resp.Unexpected(data, `an answer with "outputs", a text or an object`)
	}
	meta := resp.Meta()
	meta.Model, meta.FinishReason, meta.Usage = out.ModelID, out.Metadata.finish(), out.Metadata.tokens()
	if meta.Model == "" {
		meta.Model = model
	}
	return out, data, meta, nil
}

// fields reads a body of JSON and takes the model out of it.
func (e *endpoint) fields(req *provider.Request) (fields map[string]json.RawMessage, model string, err error) {
	fields = map[string]json.RawMessage{}
	if len(req.Body) > 0 {
		if err := json.Unmarshal(req.Body, &fields); err != nil || fields == nil {
			return nil, "", invalid("", "the body must be a JSON object")
		}
	}
	var named string
	_ = json.Unmarshal(fields["model"], &named) // anything but a text names none
	delete(fields, "model")
	for _, model := range []string{req.Model, named, e.model} {
		if model != "" {
			return fields, model, checkModel(model)
		}
	}
	return nil, "", checkModel("")
}

// checkModel refuses names that would lead to another place than the path says.
func checkModel(model string) error {
	if model == "" || model == "." || model == ".." {
		return invalid("model", `field "model" is required: name a model of the server`)
	}
	return nil
}

// modelPath is the path of a model. A slash in its name is part of the name.
func modelPath(model string) string { return pathModels + "/" + url.PathEscape(model) }

// invalid is the error of a request that is wrong as the caller wrote it.
func invalid(param, format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}
