package main

import (
	"context"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Embed implements [provider.Embedder].
func (e *endpoint) Embed(ctx context.Context, req *provider.EmbeddingRequest) (*provider.EmbeddingResponse, error) {
	if req.Model == "" {
		return nil, invalid("model", "no model is named; set model in the endpoint or in the request")
	}
	if req.Input.Tokens != nil {
		return nil, invalid("input", "field \"input\" must be a text or a list of texts: Ollama takes no token numbers")
	}
	switch req.EncodingFormat {
	case "", "float", "base64":
	default:
		return nil, invalid("encoding_format", "field \"encoding_format\" is %q; use float or base64", req.EncodingFormat)
	}
	body := request{"model": req.Model, "input": req.Input}
	set(body, "dimensions", req.Dimensions)
	e.addRest(body, req.Extra)
	if options, ok := req.Extra["options"]; ok {
		body["options"] = options
	}
	var got struct {
		Model      string      `json:"model"`
		Embeddings [][]float32 `json:"embeddings"`
		Tokens     int64       `json:"prompt_eval_count"`
	}
	meta, err := e.call(ctx, req.Call, http.MethodPost, "/api/embed", body, &got)
	if err != nil {
		return nil, err
	}
	if len(got.Embeddings) != req.Input.Len() {
		return nil, protocol("the service sent %d embeddings for %d texts", len(got.Embeddings), req.Input.Len())
	}
	out := &provider.EmbeddingResponse{
		Model: got.Model, Meta: meta, Usage: &provider.EmbedUsage{PromptTokens: got.Tokens, TotalTokens: got.Tokens},
	}
	for i, values := range got.Embeddings {
		out.Data = append(out.Data, provider.Embedding{
			Index: i, Vector: provider.Vector{Values: values, Base64: req.EncodingFormat == "base64"},
		})
	}
	return out, nil
}
