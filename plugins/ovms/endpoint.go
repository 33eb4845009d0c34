package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// generative is an endpoint of the part that speaks OpenAI's dialect.
type generative interface {
	provider.Caller
	provider.Streamer
	provider.Transferer
	io.Closer
}

// endpoint is an opened endpoint. It does not change once made.
type endpoint struct {
	openaicompat.Connection

	generative generative
	own        ownSettings
	model      string
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	e.Client.Close()
	return e.generative.Close()
}

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	switch req.Operation {
	case opInfer:
		return e.infer(ctx, req)
	case opPredict:
		return e.predict(ctx, req)
	case opModelMetadata:
		return e.modelMetadata(ctx, req)
	case opModelStatus:
		return e.modelStatus(ctx, req)
	case opModelReady:
		return e.modelReady(ctx, req)
	case opServerLive:
		return e.probe(ctx, req, pathLive, "live")
	case opServerReady:
		return e.probe(ctx, req, pathReady, "ready")
	case opServerMetadata:
		return e.get(ctx, req, pathServer, "name")
	case opConfigStatus:
		return e.get(ctx, req, pathConfig, "")
	case opConfigReload:
		return e.reload(ctx, req)
	case provider.OpModels:
		if e.own.API == apiTFS {
			return e.configuredModels(ctx, req)
		}
	}
	return e.generative.Call(ctx, req)
}

// Stream implements [provider.Streamer].
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	return e.generative.Stream(ctx, req, out)
}

// Transfer implements [provider.Transferer].
func (e *endpoint) Transfer(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	if req.Operation == opInferBinary {
		return e.inferBinary(ctx, req, out)
	}
	return e.generative.Transfer(ctx, req, out)
}

// do sends one request and waits for the header of the answer.
func (e *endpoint) do(ctx context.Context, req *provider.Request, out *rest.Request) (*rest.Response, error) {
	out.Query = e.Query
	if out.Header == nil {
		out.Header = e.Header.Clone()
	}
	if !req.Credential.IsZero() { // the caller's own stands above the endpoint's
		out.Header.Set("Authorization", "Bearer "+req.Credential.Reveal())
	}
	return e.Client.Do(ctx, out)
}

// get passes an answer on that is a JSON object, with the field in it unless
// that is "".
func (e *endpoint) get(ctx context.Context, req *provider.Request, path, field string) (*provider.Response, error) {
	resp, err := e.do(ctx, req, &rest.Request{Path: path, Accept: rest.TypeJSON})
	if err != nil {
		return nil, err
	}
	return object(resp, field)
}

// object reads an answer that is a JSON object with one of the fields in it, any
// object if there are none.
func object(resp *rest.Response, fields ...string) (*provider.Response, error) {
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		return nil, resp.Unexpected(data, "a JSON object")
	}
	for _, field := range fields {
		if _, ok := all[field]; ok || field == "" {
			return &provider.Response{Meta: resp.Meta(), Body: data}, nil
		}
	}
	return nil, resp.Unexpected(data, "an answer with the field "+fields[0])
}

// answer makes an answer of the plugin's own words.
func answer(resp *rest.Response, v any) (*provider.Response, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return &provider.Response{Meta: resp.Meta(), Body: data}, nil
}

// target is the model and version that a request is for, and the rest of its body.
type target struct {
	model, version string
	fields         map[string]json.RawMessage
}

// target reads what a request is for and takes it out of the body's fields.
func (e *endpoint) target(req *provider.Request) (*target, error) {
	t := &target{version: e.own.Version, fields: map[string]json.RawMessage{}}
	if len(req.Body) > 0 {
		if err := json.Unmarshal(req.Body, &t.fields); err != nil || t.fields == nil {
			return nil, invalid("", "the body must be a JSON object: %w", orNull(err))
		}
	}
	for _, model := range []string{req.Model, scalar(t.fields["model"]), e.model} {
		if model != "" {
			t.model = model
			break
		}
	}
	if t.model == "" || t.model == "." || t.model == ".." {
		return nil, invalid("model", `field "model" is required: name a model of the server`)
	}
	if raw, ok := t.fields["version"]; ok && string(raw) != "null" {
		t.version = scalar(raw)
		if t.version == latest {
			t.version = ""
		} else if !numeric.MatchString(t.version) {
			return nil, invalid("version", `field "version" must be a number or "latest"`)
		}
	}
	delete(t.fields, "model")
	delete(t.fields, "version")
	return t, nil
}

// path is the model's path in the given API, "/v2" or "/v1".
func (t *target) path(api string) string {
	path := api + "/models/" + url.PathEscape(t.model)
	if t.version != "" {
		path += "/versions/" + t.version
	}
	return path
}

// scalar is a JSON string's value or a number's digits, else "".
func scalar(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		return number.String()
	}
	return ""
}

func orNull(err error) error {
	if err == nil {
		return errors.New("it is null")
	}
	return err
}

// invalid is the error of a request that is wrong as the caller wrote it.
func invalid(param, format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}
