package main

import (
	"context"
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// batchOutcome is the answer of POST /models/{id}/batch.
type batchOutcome struct {
	ModelID string        `json:"model_id"`
	Results []batchResult `json:"results"`
}

// batchResult is what became of one input: outputs, or an error.
type batchResult struct {
	outcome
	Error json.RawMessage `json:"error"`
}

// inferBatch runs a model on several inputs with one request, and passes the
// answer on. An input that failed is part of it, and no error of the whole.
func (e *endpoint) inferBatch(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	fields, model, err := e.fields(req)
	if err != nil {
		return nil, err
	}
	var inputs []json.RawMessage
	if json.Unmarshal(fields["inputs"], &inputs) != nil || len(inputs) == 0 {
		return nil, invalid("inputs", `field "inputs" is required: a list of texts or objects`)
	}
	if err := noStream(fields); err != nil {
		return nil, err
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	resp, data, err := e.do(ctx, req, modelPath(model)+"/batch", body)
	if err != nil {
		return nil, err
	}
	var got batchOutcome
	if json.Unmarshal(data, &got) != nil || len(got.Results) != len(inputs) {
		return nil, resp.Unexpected(data, `an answer with a list of "results", one for each of the inputs`)
	}
	out := &provider.Response{Meta: resp.Meta(), Body: data}
	out.Model = model
	for _, r := range got.Results {
		failed := len(r.Error) > 0 && r.Error[0] == '{'
		if !failed && !r.there() {
			return nil, resp.Unexpected(data, `"outputs" or an "error" in each of the results`)
		}
		out.Usage = sum(out.Usage, r.Metadata.tokens())
	}
	return out, nil
}

// sum adds the tokens of one more input; nil are none that were counted.
func sum(all, one *provider.Usage) *provider.Usage {
	if all == nil || one == nil {
		if all == nil {
			return one
		}
		return all
	}
	return &provider.Usage{Input: all.Input + one.Input, Output: all.Output + one.Output, Total: all.Total + one.Total}
}
