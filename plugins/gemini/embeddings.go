package main

import (
	"context"
	"maps"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// embedAnswer is the answer to embedContent and to batchEmbedContents.
type embedAnswer struct {
	Embedding  *embedding  `json:"embedding"`
	Embeddings []embedding `json:"embeddings"`
	Usage      *struct {
		Prompt int64 `json:"promptTokenCount"`
	} `json:"usageMetadata"`
}

type embedding struct {
	Values []float32 `json:"values"`
}

// Embed implements [provider.Embedder]. One text is asked for alone, several are
// asked for together.
func (e *endpoint) Embed(ctx context.Context, req *provider.EmbeddingRequest) (*provider.EmbeddingResponse, error) {
	requests, err := embedRequests(req)
	if err != nil {
		return nil, err
	}
	var answer embedAnswer
	var resp *rest.Response
	if len(requests) == 1 {
		resp, err = e.ask(ctx, req.Call, req.Model, methodEmbed, requests[0], &answer)
	} else {
		resp, err = e.ask(ctx, req.Call, req.Model, methodEmbedBatch, map[string]any{"requests": requests}, &answer)
	}
	if err != nil {
		return nil, err
	}
	if answer.Embedding != nil {
		answer.Embeddings = []embedding{*answer.Embedding}
	}
	if len(answer.Embeddings) != len(requests) {
		return nil, protocolError("the answer has %d embeddings for %d texts", len(answer.Embeddings), len(requests))
	}
	out := &provider.EmbeddingResponse{Model: req.Model, Meta: resp.Meta()}
	for i, v := range answer.Embeddings {
		if len(v.Values) == 0 {
			return nil, protocolError("the embedding of text %d has no values", i)
		}
		out.Data = append(out.Data, provider.Embedding{Index: i, Vector: provider.Vector{Values: v.Values}})
	}
	if answer.Usage != nil {
		out.Usage = &provider.EmbedUsage{PromptTokens: answer.Usage.Prompt, TotalTokens: answer.Usage.Prompt}
	}
	return out, nil
}

// embedFields are the service's fields under the names that its other clients
// write.
var embedFields = map[string]string{"task_type": "taskType", "output_dimensionality": "outputDimensionality"}

// embedRequests translates the request, one for each text. Fields that the
// canonical request does not name, such as taskType, go along with each.
func embedRequests(req *provider.EmbeddingRequest) ([]map[string]any, error) {
	if req.Input.Tokens != nil {
		return nil, invalid("input", "gemini makes embeddings of texts, not of token numbers; send the text")
	}
	switch req.EncodingFormat {
	case "", "float", "base64": // the SDK writes either
	default:
		return nil, invalid("encoding_format", "encoding_format %q is not known; use float or base64", req.EncodingFormat)
	}
	name, err := resource(req.Model)
	if err != nil {
		return nil, err
	}
	common := map[string]any{"model": name}
	for _, field := range slices.Sorted(maps.Keys(req.Extra)) {
		value := req.Extra[field]
		if canonical, ok := embedFields[field]; ok {
			field = canonical
		}
		common[field] = value
	}
	if req.Dimensions != nil {
		common["outputDimensionality"] = *req.Dimensions
	}
	var all []map[string]any
	for _, text := range req.Input.Texts {
		one := maps.Clone(common)
		one["content"] = content{Parts: []part{textPart(text)}}
		all = append(all, one)
	}
	return all, nil
}
