package tei

import (
	"cmp"
	"context"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// ListModels implements [provider.ModelLister]: the one model that the server
// tells of.
func (e *endpoint) ListModels(ctx context.Context, req *provider.Request) (*provider.ModelList, error) {
	if e.hosted {
		return nil, e.unhosted(req.Operation)
	}
	i, meta, err := e.info(ctx, req)
	if err != nil {
		return nil, err
	}
	owner, _, named := strings.Cut(i.ModelID, "/")
	if !named {
		owner = ""
	}
	model := provider.Model{ID: cmp.Or(i.ServedName, i.ModelID), OwnedBy: owner}
	return &provider.ModelList{Data: []provider.Model{model}, Meta: meta}, nil
}
