package tei

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// usualBatch is what a server takes in one request unless it was started with
// another number.
const usualBatch = 32

// info is what the server tells of itself.
type info struct {
	ModelID      string `json:"model_id"`
	ServedName   string `json:"served_model_name"`
	MaxBatchSize int    `json:"max_client_batch_size"`
}

func (e *endpoint) info(ctx context.Context, req *provider.Request) (info, provider.Meta, error) {
	var i info
	resp, err := e.Do(ctx, req, &rest.Request{Method: http.MethodGet, Path: "/info"})
	if err != nil {
		return i, provider.Meta{}, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return i, provider.Meta{}, err
	}
	if err := json.Unmarshal(data, &i); err != nil || i.ModelID == "" {
		return i, provider.Meta{}, resp.Unexpected(data, "what the server tells of itself")
	}
	return i, resp.Meta(), nil
}

// batchSize is the number of inputs that go into one request. The server is
// asked each time, and only for lists that it may well refuse: nothing has to be
// remembered that a restart of the server could change.
func (e *endpoint) batchSize(ctx context.Context, req *provider.Request, inputs int) (int, error) {
	switch {
	case e.maxBatch > 0:
		return e.maxBatch, nil
	case inputs <= usualBatch:
		return max(inputs, 1), nil
	case e.hosted: // nobody tells
		return usualBatch, nil
	}
	i, _, err := e.info(ctx, req)
	if err != nil {
		return 0, err
	}
	if i.MaxBatchSize < 1 {
		return 0, hf.Protocol("the server does not say how many inputs it takes; set max_batch_size in the endpoint")
	}
	return i.MaxBatchSize, nil
}

// inParts calls send for each part of a list, one after the other, and adds up
// what the answers report. An empty list is one part: the server says what is
// wrong with it.
func (e *endpoint) inParts(ctx context.Context, req *provider.Request, inputs int, send func(from, to int) (provider.Meta, error)) (provider.Meta, error) {
	size, err := e.batchSize(ctx, req, inputs)
	if err != nil {
		return provider.Meta{}, err
	}
	var all provider.Meta
	for from := 0; from == 0 || from < inputs; from += size {
		meta, err := send(from, min(from+size, inputs))
		if err != nil {
			return provider.Meta{}, err
		}
		meta.Usage = sum(all.Usage, meta.Usage)
		all = meta
	}
	return all, nil
}

func sum(a, b *provider.Usage) *provider.Usage {
	if a == nil || b == nil {
		return b
	}
	return &provider.Usage{Input: a.Input + b.Input, Total: a.Total + b.Total}
}

// post sends a body and reads the answer into v. The server counts tokens in a
// header.
func (e *endpoint) post(ctx context.Context, req *provider.Request, path string, body, v any) (provider.Meta, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return provider.Meta{}, provider.Errorf(provider.CodeInternal, "encode the request: %w", err)
	}
	resp, err := e.Do(ctx, req, &rest.Request{Path: path, Body: data})
	if err != nil {
		return provider.Meta{}, err
	}
	if data, err = resp.ReadAll(); err != nil {
		return provider.Meta{}, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return provider.Meta{}, resp.Unexpected(data, "the answer that the server documents")
	}
	meta := resp.Meta()
	if n := hf.Count(resp.Header, "X-Compute-Tokens"); n > 0 {
		meta.Usage = &provider.Usage{Input: n, Total: n}
	}
	return meta, nil
}
