package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// ListModels implements [provider.ModelLister]: the models on the server's disk.
// What Ollama says of them beyond OpenAI's fields is kept.
func (e *endpoint) ListModels(ctx context.Context, req *provider.Request) (*provider.ModelList, error) {
	var got struct {
		Models []map[string]json.RawMessage `json:"models"`
	}
	meta, err := e.call(ctx, req, http.MethodGet, "/api/tags", nil, &got)
	if err != nil {
		return nil, err
	}
	list := &provider.ModelList{Meta: meta}
	for _, fields := range got.Models {
		var name, modified string
		if json.Unmarshal(fields["name"], &name) != nil || name == "" {
			return nil, protocol("the service listed a model without a name")
		}
		_ = json.Unmarshal(fields["modified_at"], &modified) // without it the model is as new as the list
		delete(fields, "name")
		list.Data = append(list.Data, provider.Model{ID: name, Created: created(modified), OwnedBy: "ollama", Extra: fields})
	}
	return list, nil
}
