package tgi

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// Paths of the server's own protocol.
const (
	pathGenerate = "/generate"
	pathStream   = "/generate_stream"
)

// finishReasons are the server's in OpenAI's words.
var finishReasons = map[string]string{"length": "length", "eos_token": "stop", "stop_sequence": "stop"}

// details are what an answer or the last event of a stream says about itself.
type details struct {
	FinishReason    string            `json:"finish_reason"`
	GeneratedTokens int64             `json:"generated_tokens"`
	InputLength     int64             `json:"input_length"`
	Prefill         []json.RawMessage `json:"prefill"`
}

// generated is the answer of generate.
type generated struct {
	Text    *string  `json:"generated_text"`
	Details *details `json:"details"`
}

// generate passes a body of the server's own on and its answer back.
func (e *endpoint) generate(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	resp, err := e.sendGenerate(ctx, req, req.Body, false)
	if err != nil {
		return nil, err
	}
	_, meta, data, err := readGenerated(resp)
	if err != nil {
		return nil, err
	}
	return &provider.Response{Meta: meta, Body: data}, nil
}

// readGenerated reads a whole answer. Where the server shares a path with other
// kinds of model, the answer comes in a list; it is taken out of it.
func readGenerated(resp *rest.Response) (generated, provider.Meta, []byte, error) {
	var g generated
	data, err := resp.ReadAll()
	if err != nil {
		return g, provider.Meta{}, nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil && len(list) == 1 {
		data = list[0]
	}
	if err := json.Unmarshal(data, &g); err != nil || g.Text == nil {
		return g, provider.Meta{}, nil, resp.Unexpected(data, "generated text")
	}
	return g, g.meta(resp), data, nil
}

// meta reports what the headers count, and the details where there are any.
func (g *generated) meta(resp *rest.Response) provider.Meta {
	meta := resp.Meta()
	u := provider.Usage{Input: hf.Count(resp.Header, "X-Prompt-Tokens"), Output: hf.Count(resp.Header, "X-Generated-Tokens")}
	if d := g.Details; d != nil {
		meta.FinishReason = finishReasons[d.FinishReason]
		u.Output = d.GeneratedTokens
		u.Input = max(u.Input, d.InputLength, int64(len(d.Prefill)))
	}
	if u.Total = u.Input + u.Output; u.Total > 0 {
		meta.Usage = &u
	}
	return meta
}

// sendGenerate sends a body of the server's own.
func (e *endpoint) sendGenerate(ctx context.Context, req *provider.Request, body []byte, stream bool) (*rest.Response, error) {
	out := &rest.Request{Path: pathGenerate, Accept: rest.TypeJSON}
	if stream {
		out.Path, out.Accept = pathStream, rest.TypeEventStream
	}
	f, err := hf.ReadFields(body)
	if err != nil {
		return nil, err
	}
	if err := e.address(out, req, f, stream); err != nil {
		return nil, err
	}
	if err := parameters(f, stream); err != nil {
		return nil, err
	}
	if f.Get("inputs") == nil {
		return nil, hf.Invalid("inputs", `field "inputs" is required: the text to continue`)
	}
	if out.Body, err = f.JSON(body); err != nil {
		return nil, err
	}
	return e.conn.Do(ctx, req, out)
}

// address says which model is asked: a hosted one by its path, with "stream" to
// tell the ways apart. A server has one and reads no name; what stands between
// may.
func (e *endpoint) address(out *rest.Request, req *provider.Request, f *hf.Fields, stream bool) (err error) {
	f.Remove("stream")
	if !e.settings.Hosted {
		if req.Model != "" {
			return f.Set("model", req.Model)
		}
		return nil
	}
	if out.Path, err = e.hostedPath(req, f); err != nil {
		return err
	}
	f.Remove("model")
	if stream {
		return f.Set("stream", true)
	}
	return nil
}

// hostedPath is the path of the model that is asked for.
func (e *endpoint) hostedPath(req *provider.Request, f *hf.Fields) (string, error) {
	for _, model := range []string{req.Model, f.Text("model"), e.model} {
		if model != "" {
			return openaicompat.ModelPath(model)
		}
	}
	return "", hf.Invalid("model", `name the model, such as "owner/model", in the request or in the endpoint`)
}

// parameters leaves out values that ask for nothing and that the server refuses.
// A stream is asked for its details: without them nobody knows what was used.
func parameters(f *hf.Fields, stream bool) error {
	raw := f.Get("parameters")
	p, err := hf.ReadFields(raw)
	if err != nil {
		return hf.Invalid("parameters", `field "parameters" must be an object`)
	}
	if p.IsNumber("temperature", 0) {
		p.Remove("temperature")
		if err := p.Set("do_sample", false); err != nil {
			return err
		}
	}
	for name, none := range map[string][]float64{"top_p": {1}, "typical_p": {1}, "top_k": {0, -1}} {
		for _, n := range none {
			if p.IsNumber(name, n) {
				p.Remove(name)
			}
		}
	}
	if err := p.ListOf("stop"); err != nil {
		return err
	}
	if stream && p.Get("details") == nil {
		if err := p.Set("details", true); err != nil {
			return err
		}
	}
	changed, err := p.JSON(raw)
	if err != nil || bytes.Equal(changed, raw) {
		return err
	}
	return f.Set("parameters", json.RawMessage(changed))
}
