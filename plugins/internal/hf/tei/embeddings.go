package tei

import (
	"context"
	"maps"
	"strings"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// ownOptions are fields of a request for embeddings that only the server's own
// path takes; on the one that is like OpenAI's it would ignore them.
var ownOptions = []string{"normalize", "truncate", "truncation_direction", "prompt_name"}

// Embed implements [provider.Embedder]. Vectors are asked for as numbers, which
// all releases can give; the SDK writes base64 where the caller wants it.
func (e *endpoint) Embed(ctx context.Context, req *provider.EmbeddingRequest) (*provider.EmbeddingResponse, error) {
	switch req.EncodingFormat {
	case "", "float", "base64":
	default:
		return nil, hf.Invalid("encoding_format", "encoding_format %q is not known; use float or base64", req.EncodingFormat)
	}
	if d := req.Dimensions; d != nil && *d < 1 {
		return nil, hf.Invalid("dimensions", `field "dimensions" must be at least 1`)
	}
	ask := e.openAIVectors
	for _, option := range ownOptions {
		if raw, given := req.Extra[option]; given && string(raw) != "null" {
			ask = e.ownVectors
		}
	}
	if e.hosted {
		ask = e.hostedVectors
	}
	out := &provider.EmbeddingResponse{Model: req.Model}
	meta, err := e.inParts(ctx, req.Call, req.Input.Len(), func(from, to int) (provider.Meta, error) {
		vectors, meta, err := ask(ctx, req, part(req.Input, from, to))
		if err != nil {
			return meta, err
		}
		if len(vectors) != to-from {
			return meta, hf.Protocol("the answer has %d embeddings for %d inputs", len(vectors), to-from)
		}
		for i, v := range vectors {
			if len(v) == 0 {
				return meta, hf.Protocol("the embedding of input %d has no values", from+i)
			}
			out.Data = append(out.Data, provider.Embedding{Index: from + i, Vector: provider.Vector{Values: v}})
		}
		return meta, nil
	})
	if err != nil {
		return nil, err
	}
	if out.Meta = meta; meta.Model != "" {
		out.Model = meta.Model
	}
	if u := meta.Usage; u != nil {
		out.Usage = &provider.EmbedUsage{PromptTokens: u.Input, TotalTokens: u.Total}
	}
	return out, nil
}

// part is a part of the inputs; all of them stay as they were written.
func part(in provider.EmbeddingInput, from, to int) provider.EmbeddingInput {
	switch {
	case to-from == in.Len():
		return in
	case in.Tokens != nil:
		return provider.EmbeddingInput{Tokens: in.Tokens[from:to]}
	default:
		return provider.EmbeddingInput{Texts: in.Texts[from:to]}
	}
}

// fields are those that the canonical request does not name, and the dimensions.
func fields(req *provider.EmbeddingRequest) map[string]any {
	body := map[string]any{}
	for name, raw := range maps.All(req.Extra) {
		if string(raw) != "null" {
			body[name] = raw
		}
	}
	if req.Dimensions != nil {
		body["dimensions"] = *req.Dimensions
	}
	return body
}

// openAIVectors asks the path that is like OpenAI's, which counts tokens in its
// answer.
func (e *endpoint) openAIVectors(ctx context.Context, req *provider.EmbeddingRequest, in provider.EmbeddingInput) ([][]float32, provider.Meta, error) {
	body := fields(req)
	body["input"] = in
	for name, value := range map[string]string{"model": req.Model, "user": req.User} {
		if value != "" {
			body[name] = value
		}
	}
	var answer provider.EmbeddingResponse
	meta, err := e.post(ctx, req.Call, "/v1/embeddings", body, &answer)
	if err != nil {
		return nil, meta, err
	}
	vectors := make([][]float32, len(answer.Data))
	for _, d := range answer.Data {
		if d.Index < 0 || d.Index >= len(vectors) {
			return nil, meta, hf.Protocol("the answer has an embedding %d of %d", d.Index, len(vectors))
		}
		vectors[d.Index] = d.Vector.Values
	}
	meta.Model = answer.Model
	if u := answer.Usage; u != nil {
		meta.Usage = &provider.Usage{Input: u.PromptTokens, Total: u.TotalTokens}
	}
	return vectors, meta, nil
}

// ownVectors asks the server's own path.
func (e *endpoint) ownVectors(ctx context.Context, req *provider.EmbeddingRequest, in provider.EmbeddingInput) ([][]float32, provider.Meta, error) {
	body := fields(req)
	body["inputs"] = in
	if direction, err := direction(req.Extra); err != nil {
		return nil, provider.Meta{}, err
	} else if direction != "" {
		body["truncation_direction"] = direction
	}
	path, err := e.place(req.Call, "/embed", req.Model)
	if err != nil {
		return nil, provider.Meta{}, err
	}
	var vectors [][]float32
	meta, err := e.post(ctx, req.Call, path, body, &vectors)
	return vectors, meta, err
}

// direction is the direction of truncation as the server writes it, with a
// capital letter.
func direction(extra provider.Extra) (string, error) {
	f := hf.FieldsOf(extra)
	given := f.Text("truncation_direction")
	switch strings.ToLower(given) {
	case "left":
		return "Left", nil
	case "right":
		return "Right", nil
	case "":
		if f.Get("truncation_direction") == nil {
			return "", nil
		}
	}
	return "", hf.Invalid("truncation_direction", `field "truncation_direction" must be Left or Right`)
}
