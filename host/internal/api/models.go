package api

import (
	"fmt"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// unknownOwner stands where a model's owner is not known; OpenAI's description
// wants a word there.
const unknownOwner = "unknown"

// models answers GET /v1/models.
func (x *exchange) models() {
	list, err := x.core.Models(x.r.Context())
	if err != nil {
		x.fail(err)
		return
	}
	complete := make([]provider.Model, len(list))
	for i, m := range list {
		complete[i] = completeModel(m)
	}
	x.write(http.StatusOK, "application/json", encode(provider.ModelList{Data: complete}))
}

// model answers GET /v1/models/{model}.
func (x *exchange) model(id string) {
	list, err := x.core.Models(x.r.Context())
	if err != nil {
		x.fail(err)
		return
	}
	names := make([]string, len(list))
	for i, m := range list {
		if m.ID == id {
			x.write(http.StatusOK, "application/json", encode(completeModel(m)))
			return
		}
		names[i] = m.ID
	}
	message := fmt.Sprintf("model %.200q is not known", id)
	if near := schema.Nearest(id, names); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	} else {
		message += "; GET /v1/models lists those that are"
	}
	x.fail(&provider.Error{Code: provider.CodeNotFound, Source: provider.SourceHost, Param: "model",
		UpstreamCode: "model_not_found", Message: message})
}

func completeModel(m provider.Model) provider.Model {
	if m.OwnedBy == "" {
		m.OwnedBy = unknownOwner
	}
	return m
}
