package provider

import "encoding/json"

// RerankRequest is the canonical body of "rerank", in the shape that Cohere and
// Jina share.
type RerankRequest struct {
	Model           string            `json:"model,omitempty"`
	Query           string            `json:"query"`
	Documents       []json.RawMessage `json:"documents"`
	TopN            *int              `json:"top_n,omitempty"`
	ReturnDocuments *bool             `json:"return_documents,omitempty"`
	Extra           Extra             `json:"-"`

	// Call is the request that carried the body.
	Call *Request `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (r *RerankRequest) UnmarshalJSON(data []byte) error {
	type plain RerankRequest
	return decodeOpen(data, (*plain)(r), &r.Extra)
}

// MarshalJSON writes the fields and Extra.
func (r RerankRequest) MarshalJSON() ([]byte, error) {
	type plain RerankRequest
	return encodeOpen(plain(r), r.Extra)
}

// RerankResponse is the canonical answer of "rerank", best result first.
type RerankResponse struct {
	ID      string         `json:"id,omitempty"`
	Model   string         `json:"model,omitempty"`
	Results []RerankResult `json:"results"`
	Extra   Extra          `json:"-"`

	// Meta is what the provider reports beside the body.
	Meta Meta `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (r *RerankResponse) UnmarshalJSON(data []byte) error {
	type plain RerankResponse
	return decodeOpen(data, (*plain)(r), &r.Extra)
}

// MarshalJSON writes the fields and Extra.
func (r RerankResponse) MarshalJSON() ([]byte, error) {
	if r.Results == nil {
		r.Results = []RerankResult{}
	}
	type plain RerankResponse
	return encodeOpen(plain(r), r.Extra)
}

// RerankResult is the score of the document with the given index.
type RerankResult struct {
	Index          int             `json:"index"`
	RelevanceScore float64         `json:"relevance_score"`
	Document       json.RawMessage `json:"document,omitempty"`
}
