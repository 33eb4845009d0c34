package tei

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// native is an operation with the server's own body and answer.
type native struct {
	name, path, what string
	get              bool
	// list is the field with the inputs; the answer has one element for each.
	list string
	// nested is true if only a list of lists is more than one input.
	nested bool
}

var natives = []native{
	{name: "embed", path: "/embed", list: "inputs", what: "Turns texts into vectors by the server's own protocol."},
	{name: "embed_all", path: "/embed_all", list: "inputs", what: "Gives a vector for each token."},
	{name: "embed_sparse", path: "/embed_sparse", list: "inputs", what: "Turns texts into sparse vectors (SPLADE)."},
	{name: "predict", path: "/predict", list: "inputs", nested: true, what: "Classifies texts or pairs of texts."},
	{name: "similarity", path: "/similarity", what: "Compares a sentence with others."},
	{name: "tokenize", path: "/tokenize", list: "inputs", what: "Splits texts into tokens."},
	{name: "decode", path: "/decode", list: "ids", nested: true, what: "Makes texts of token numbers."},
	{name: "info", path: "/info", get: true, what: "Describes the model and the limits of the server."},
	{name: "health", path: "/health", get: true, what: "Asks whether the server can answer."},
	{name: "metrics", path: "/metrics", get: true, what: "Returns the server's counters as Prometheus reads them."},
}

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	if req.Operation == opModelInfo {
		return e.modelInfo(ctx, req)
	}
	for i := range natives {
		if n := &natives[i]; n.name == req.Operation {
			if n.get {
				return e.get(ctx, req, n)
			}
			return e.native(ctx, req, n)
		}
	}
	return nil, provider.Unsupported(req.Operation, "")
}

// get asks the server about itself.
func (e *endpoint) get(ctx context.Context, req *provider.Request, n *native) (*provider.Response, error) {
	if e.hosted {
		return nil, e.unhosted(req.Operation)
	}
	resp, err := e.Do(ctx, req, &rest.Request{Method: http.MethodGet, Path: n.path})
	if err != nil {
		return nil, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	out := &provider.Response{Meta: resp.Meta(), ContentType: resp.Header.Get("Content-Type"), Body: data}
	switch n.name {
	case "info":
		return out, hf.IsJSON(out)
	case "health":
		return out, hf.IsHealthy(out)
	}
	return out, nil
}

// native passes a body on; of a list that is too long for the server it makes
// several requests, and one answer.
func (e *endpoint) native(ctx context.Context, req *provider.Request, n *native) (*provider.Response, error) {
	f, err := hf.ReadFields(req.Body)
	if err != nil {
		return nil, err
	}
	path, err := e.place(req, n.path, f.Text("model"))
	if err != nil {
		return nil, err
	}
	f.Remove("model") // the server has one
	inputs := n.inputs(f)
	var whole json.RawMessage
	var parts []json.RawMessage
	meta, err := e.inParts(ctx, req, len(inputs), func(from, to int) (provider.Meta, error) {
		if to-from < len(inputs) {
			if err := f.Set(n.list, inputs[from:to]); err != nil {
				return provider.Meta{}, err
			}
		}
		body, err := f.JSON(req.Body)
		if err != nil {
			return provider.Meta{}, err
		}
		meta, err := e.post(ctx, req, path, json.RawMessage(body), &whole)
		if err != nil || to-from == len(inputs) {
			return meta, err
		}
		var answers []json.RawMessage
		if json.Unmarshal(whole, &answers) != nil || len(answers) != to-from {
			return meta, hf.Protocol("the server did not give an answer for each of %d inputs", to-from)
		}
		parts = append(parts, answers...)
		return meta, nil
	})
	if err != nil {
		return nil, err
	}
	if parts != nil {
		whole = append(append([]byte{'['}, bytes.Join(asBytes(parts), []byte{','})...), ']')
	}
	return &provider.Response{Meta: meta, Body: whole}, nil
}

func asBytes(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, raw := range list {
		out[i] = raw
	}
	return out
}

// inputs are the elements of the operation's list, nil if there is one input
// alone, however it is written: a list of numbers is a text in tokens, and where
// pairs can be compared a list of texts is a pair.
func (n *native) inputs(f *hf.Fields) []json.RawMessage {
	if n.list == "" {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(f.Get(n.list), &list) != nil || len(list) == 0 {
		return nil
	}
	switch first := list[0][0]; {
	case first == '[', first == '"' && !n.nested:
		return list
	default:
		return nil
	}
}
