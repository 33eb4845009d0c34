package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	switch req.Operation {
	case opMessages:
		return e.messages(ctx, req)
	case opCountTokens:
		return e.countTokens(ctx, req)
	case opBatchCreate, opBatchList, opBatchGet, opBatchCancel, opBatchDelete:
		return e.batches(ctx, req)
	default:
		return nil, provider.Unsupported(req.Operation, "")
	}
}

// messages passes a body of the Messages API on and its answer back.
func (e *endpoint) messages(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	resp, err := e.pass(ctx, req, false)
	if err != nil {
		return nil, err
	}
	a, data, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	return &provider.Response{Meta: a.meta(resp), Body: data}, nil
}

// Stream implements [provider.Streamer]. A chunk is the data of an event.
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	if req.Operation != opMessages {
		return provider.Finish{}, provider.Unsupported(req.Operation, "")
	}
	resp, err := e.pass(ctx, req, true)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	var chunks [][]byte
	s := eventStream{resp: resp, sink: out}
	s.take = func(_ *event, data []byte) error {
		chunks = append(chunks, data)
		return nil
	}
	s.send = func() error {
		defer func() { chunks = chunks[:0] }()
		return out.Send(chunks...)
	}
	return s.run()
}

// pass sends the caller's body, in which only the model and "stream" are set.
func (e *endpoint) pass(ctx context.Context, req *provider.Request, stream bool) (*rest.Response, error) {
	var given struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	if err := json.Unmarshal(req.Body, &given); err != nil {
		return nil, invalid("", "the body must be a JSON object of the Messages API: %w", err)
	}
	data := req.Body
	if model := e.resolve(req, given.Model); model != given.Model {
		data = setField(data, "model", encoded(model))
	}
	if given.Stream != stream {
		data = setField(data, "stream", strconv.AppendBool(nil, stream))
	}
	return e.do(ctx, req, &rest.Request{Path: pathMessages, Body: data, Accept: accept(stream)})
}

// setField sets a field of a JSON object, wherever it is given, and leaves every
// other byte as it is. The object must be valid.
func setField(object []byte, name string, value []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token() // the brace
	inside := dec.InputOffset()
	var out []byte
	done, members := int64(0), 0
	for ; dec.More(); members++ {
		key, _ := dec.Token()
		var old json.RawMessage
		if dec.Decode(&old) != nil {
			return object
		}
		if key == name {
			end := dec.InputOffset()
			out = append(append(out, object[done:end-int64(len(old))]...), value...)
			done = end
		}
	}
	if done > 0 {
		return append(out, object[done:]...)
	}
	field := append(append(encoded(name), ':'), value...)
	if members > 0 {
		field = append(field, ',')
	}
	return bytes.Join([][]byte{object[:inside], field, object[inside:]}, nil)
}
