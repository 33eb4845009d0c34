package main

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// maxPages bounds the pages of models that are asked for.
const maxPages = 50

// modelPage is a page of the service's list.
type modelPage struct {
	Data    []provider.Model `json:"data"`
	HasMore bool             `json:"has_more"`
	LastID  string           `json:"last_id"`
}

// ListModels implements [provider.ModelLister]. It also is how an endpoint is
// tested: it costs nothing.
func (e *endpoint) ListModels(ctx context.Context, req *provider.Request) (*provider.ModelList, error) {
	list := &provider.ModelList{}
	query := url.Values{"limit": {"1000"}}
	for range maxPages {
		page, meta, err := e.modelPage(ctx, req, query)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Data {
			list.Data = append(list.Data, canonicalModel(m))
		}
		list.Meta = meta
		if !page.HasMore || page.LastID == "" || page.LastID == query.Get("after_id") {
			break
		}
		query.Set("after_id", page.LastID)
	}
	return list, nil
}

func (e *endpoint) modelPage(ctx context.Context, req *provider.Request, query url.Values) (*modelPage, provider.Meta, error) {
	resp, err := e.do(ctx, req, &rest.Request{Path: pathModels, Query: query, Accept: rest.TypeJSON})
	if err != nil {
		return nil, provider.Meta{}, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, provider.Meta{}, err
	}
	page := &modelPage{}
	if err := json.Unmarshal(data, page); err != nil || page.Data == nil {
		return nil, provider.Meta{}, resp.Unexpected(data, "a list of models")
	}
	return page, resp.Meta(), nil
}

// canonicalModel gives a model OpenAI's fields. Anthropic's own stay beside
// them.
func canonicalModel(m provider.Model) provider.Model {
	var created time.Time
	if json.Unmarshal(m.Extra["created_at"], &created) == nil && m.Created == 0 {
		m.Created = max(created.Unix(), 0)
	}
	if m.OwnedBy == "" {
		m.OwnedBy = "anthropic"
	}
	delete(m.Extra, "type") // OpenAI's "object" says it
	return m
}
