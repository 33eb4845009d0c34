package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// do sends a request with a native body, nil for none.
func (e *endpoint) do(ctx context.Context, req *provider.Request, method, path string, body any, accept string) (*rest.Response, error) {
	out := &rest.Request{Method: method, Path: path, Header: e.headers(req), Accept: accept}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		out.Body = data
	}
	return e.client.Do(ctx, out)
}

// headers returns the headers of one request: the caller's own key stands above
// the endpoint's.
func (e *endpoint) headers(req *provider.Request) http.Header {
	h := maps.Clone(e.header)
	if !req.Credential.IsZero() {
		h.Set("Authorization", "Bearer "+req.Credential.Reveal())
	}
	if visible(req.RequestID) {
		h.Set("X-Request-Id", req.RequestID)
	}
	return h
}

// visible reports whether an id can be a header's value.
func visible(id string) bool {
	hidden := func(r rune) bool { return r <= ' ' || r > '~' }
	return id != "" && !strings.ContainsFunc(id, hidden)
}

// call sends a request and reads the whole answer into out.
func (e *endpoint) call(ctx context.Context, req *provider.Request, method, path string, body, out any) (provider.Meta, error) {
	resp, err := e.do(ctx, req, method, path, body, rest.TypeJSON)
	if err != nil {
		return provider.Meta{}, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return provider.Meta{}, err
	}
	if err := read(resp, data, out); err != nil {
		return provider.Meta{}, err
	}
	return resp.Meta(), nil
}

// read decodes an answer or a line of one. Ollama reports failures in answers
// that began with success too.
func read(resp *rest.Response, data []byte, out any) error {
	var report struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(data, &report) != nil {
		return resp.Unexpected(data, "a JSON object")
	}
	if len(report.Error) > 0 && string(report.Error) != "null" && string(report.Error) != `""` {
		return resp.ErrorFromBody(data)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return protocol("the service's answer cannot be understood: %v", err)
	}
	return nil
}

func protocol(format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeProtocol, format, args...)
	e.Source = provider.SourceUpstream
	return e
}

// invalid is the error of a request that Ollama cannot carry out.
func invalid(param, format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}
