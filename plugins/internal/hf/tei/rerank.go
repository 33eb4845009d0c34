package tei

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// rank is the score of a text.
type rank struct {
	Index int      `json:"index"`
	Score *float64 `json:"score"`
}

// refusedInRerank are fields of Cohere's and Jina's that the server would ignore.
var refusedInRerank = []string{"rank_fields", "max_tokens_per_doc", "max_chunks_per_doc"}

// Rerank implements [provider.Reranker]. The scores of documents do not depend
// on each other, so that a long list can be sent in parts.
func (e *endpoint) Rerank(ctx context.Context, req *provider.RerankRequest) (*provider.RerankResponse, error) {
	if e.hosted {
		return nil, e.unhosted(req.Call.Operation)
	}
	texts, err := textsOf(req)
	if err != nil {
		return nil, err
	}
	out := &provider.RerankResponse{Model: req.Model}
	out.Meta, err = e.inParts(ctx, req.Call, len(texts), func(from, to int) (provider.Meta, error) {
		ranks, meta, err := e.ranks(ctx, req, texts[from:to])
		if err != nil {
			return meta, err
		}
		for _, r := range ranks {
			result := provider.RerankResult{Index: from + r.Index, RelevanceScore: *r.Score}
			out.Results = append(out.Results, result)
		}
		return meta, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out.Results, func(a, b provider.RerankResult) int {
		return cmp.Compare(b.RelevanceScore, a.RelevanceScore)
	})
	if req.TopN != nil {
		out.Results = out.Results[:min(*req.TopN, len(out.Results))]
	}
	if req.ReturnDocuments != nil && *req.ReturnDocuments {
		for i := range out.Results {
			out.Results[i].Document = document(req.Documents[out.Results[i].Index])
		}
	}
	return out, nil
}

// textsOf are the documents as the server takes them: as texts.
func textsOf(req *provider.RerankRequest) ([]string, error) {
	for _, name := range refusedInRerank {
		if raw, given := req.Extra[name]; given && string(raw) != "null" {
			return nil, hf.Invalid(name, "field %q is not offered by the server; leave it out", name)
		}
	}
	if n := req.TopN; n != nil && *n < 1 {
		return nil, hf.Invalid("top_n", `field "top_n" must be at least 1`)
	}
	texts := make([]string, len(req.Documents))
	for i, raw := range req.Documents {
		var object struct {
			Text *string `json:"text"`
		}
		switch {
		case len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &texts[i]) == nil:
		case json.Unmarshal(raw, &object) == nil && object.Text != nil:
			texts[i] = *object.Text
		default:
			return nil, hf.Invalid("documents", `document %d must be a text or an object with "text"`, i)
		}
	}
	return texts, nil
}

// document is a document as answers have it: an object, also of a mere text.
func document(raw json.RawMessage) json.RawMessage {
	if raw[0] != '"' {
		return raw
	}
	return slices.Concat(json.RawMessage(`{"text":`), raw, json.RawMessage(`}`))
}

// ranks asks for the scores of texts: one for each, or it is no answer.
func (e *endpoint) ranks(ctx context.Context, req *provider.RerankRequest, texts []string) ([]rank, provider.Meta, error) {
	body := map[string]any{"query": req.Query, "texts": texts}
	for name, raw := range req.Extra {
		if _, ours := body[name]; !ours && string(raw) != "null" {
			body[name] = raw
		}
	}
	delete(body, "return_text") // the documents are at hand
	if d, err := direction(req.Extra); err != nil {
		return nil, provider.Meta{}, err
	} else if d != "" {
		body["truncation_direction"] = d
	}
	var ranks []rank
	meta, err := e.post(ctx, req.Call, "/rerank", body, &ranks)
	if err != nil {
		return nil, meta, err
	}
	seen := make([]bool, len(texts))
	for _, r := range ranks {
		if r.Score == nil || r.Index < 0 || r.Index >= len(seen) || seen[r.Index] {
			return nil, meta, hf.Protocol("the answer has a score that belongs to no document")
		}
		seen[r.Index] = true
	}
	if len(ranks) != len(texts) {
		return nil, meta, hf.Protocol("the answer has %d scores for %d documents", len(ranks), len(texts))
	}
	return ranks, meta, nil
}
