package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// modelPage is one page of the list of models.
type modelPage struct {
	Models []listedModel `json:"models"`
	Next   string        `json:"nextPageToken"`
}

// listedModel is a model; what the service tells about it is passed on.
type listedModel struct {
	Name  string `json:"name"`
	extra provider.Extra
}

// UnmarshalJSON keeps all fields but the name.
func (m *listedModel) UnmarshalJSON(data []byte) (err error) {
	type plain listedModel
	m.extra, err = decodeOpen(data, (*plain)(m), "name")
	return err
}

const (
	pageSize = "1000" // the most that the service gives at once
	maxPages = 100    // a list that does not end is no list
)

// ListModels implements [provider.ModelLister]. It reads all pages.
func (e *endpoint) ListModels(ctx context.Context, req *provider.Request) (*provider.ModelList, error) {
	list := &provider.ModelList{}
	query := url.Values{"pageSize": {pageSize}}
	for range maxPages {
		page, meta, err := e.page(ctx, req, query)
		if err != nil {
			return nil, err
		}
		list.Meta = meta
		for _, m := range page.Models {
			list.Data = append(list.Data, provider.Model{
				ID: strings.TrimPrefix(m.Name, "models/"), OwnedBy: "google", Extra: m.extra,
			})
		}
		if page.Next == "" {
			return list, nil
		}
		query.Set("pageToken", page.Next)
	}
	return nil, protocolError("the list of models did not end after %d pages", maxPages)
}

// page reads one page.
func (e *endpoint) page(ctx context.Context, req *provider.Request, query url.Values) (*modelPage, provider.Meta, error) {
	resp, err := e.send(ctx, req, &rest.Request{Path: e.root + "/models", Query: query, Accept: rest.TypeJSON})
	if err != nil {
		return nil, provider.Meta{}, err
	}
	page := &modelPage{}
	return page, resp.Meta(), readAnswer(resp, page)
}

// Test implements [provider.Tester]: a page of one model costs nothing and shows
// whether the service takes the key.
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	_, _, err := e.page(ctx, req, url.Values{"pageSize": {"1"}})
	return err
}
