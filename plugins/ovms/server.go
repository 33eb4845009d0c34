package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// Paths below the server's root.
const (
	pathServer = "/v2"
	pathLive   = "/v2/health/live"
	pathReady  = "/v2/health/ready"
	pathConfig = "/v1/config"
	pathReload = "/v1/config/reload"
)

// Test implements [provider.Tester]. The server asks for its key at the
// generative operations alone, so that the key is not tested by this.
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	resp, err := e.do(ctx, req, &rest.Request{Path: pathReady})
	if err != nil {
		return err
	}
	_, err = resp.ReadAll()
	return err
}

// probe asks a question whose answer is a status.
func (e *endpoint) probe(ctx context.Context, req *provider.Request, path, word string) (*provider.Response, error) {
	resp, err := e.do(ctx, req, &rest.Request{Path: path})
	if err != nil {
		return notReady(err, word)
	}
	if _, err := resp.ReadAll(); err != nil {
		return nil, err
	}
	return answer(resp, map[string]any{word: true})
}

// notReady makes an answer of the server's word that it, or the model, is not
// ready yet. All other failures stay failures.
func notReady(err error, word string) (*provider.Response, error) {
	e := provider.AsError(err)
	if !saysNotReady(e) {
		return nil, e
	}
	body, err := json.Marshal(map[string]any{word: false, "reason": e.Message})
	if err != nil {
		return nil, err
	}
	return &provider.Response{Meta: provider.Meta{Status: e.StatusCode, RequestID: e.RequestID}, Body: body}, nil
}

func (e *endpoint) modelReady(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	t, err := e.target(req)
	if err != nil {
		return nil, err
	}
	return e.probe(ctx, req, t.path("/v2")+"/ready", "ready")
}

func (e *endpoint) modelMetadata(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	t, err := e.target(req)
	if err != nil {
		return nil, err
	}
	if e.own.API == apiTFS {
		return e.get(ctx, req, t.path("/v1")+"/metadata", "metadata")
	}
	return e.get(ctx, req, t.path("/v2"), "name")
}

// versionStates are the states of a model's versions, in both APIs.
type versionStates struct {
	States []json.RawMessage `json:"model_version_status"`
}

// modelStatus tells the states of a model's versions. KServe's API has no such
// question; there they are taken from those of all models.
func (e *endpoint) modelStatus(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	t, err := e.target(req)
	if err != nil {
		return nil, err
	}
	if e.own.API == apiTFS {
		return e.get(ctx, req, t.path("/v1"), "model_version_status")
	}
	all, resp, err := e.config(ctx, req)
	if err != nil {
		return nil, err
	}
	found := versionStates{}
	for _, state := range all[t.model].States {
		var v struct {
			Version json.RawMessage `json:"version"`
		}
		if json.Unmarshal(state, &v) == nil && (t.version == "" || scalar(v.Version) == t.version) {
			found.States = append(found.States, state)
		}
	}
	if len(found.States) == 0 {
		return nil, &provider.Error{
			Code: provider.CodeNotFound, Param: "model", Source: provider.SourceUpstream,
			Message: "the server's configuration has no such model or version; config.status lists what it has",
		}
	}
	return answer(resp, found)
}

// config reads the states of all models.
func (e *endpoint) config(ctx context.Context, req *provider.Request) (map[string]versionStates, *rest.Response, error) {
	resp, err := e.do(ctx, req, &rest.Request{Path: pathConfig, Accept: rest.TypeJSON})
	if err != nil {
		return nil, nil, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, nil, err
	}
	var all map[string]versionStates
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		return nil, nil, resp.Unexpected(data, "the states of models")
	}
	return all, resp, nil
}

// configuredModels lists the models of servers that have no list in OpenAI's
// form.
func (e *endpoint) configuredModels(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	all, resp, err := e.config(ctx, req)
	if err != nil {
		return nil, err
	}
	var list provider.ModelList
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list.Data = append(list.Data, provider.Model{ID: name, OwnedBy: "ovms"})
	}
	return answer(resp, list)
}

// reload makes the server read its configuration. Whether anything changed is in
// the status alone, so it is put beside the models' states.
func (e *endpoint) reload(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	resp, err := e.do(ctx, req, &rest.Request{Method: http.MethodPost, Path: pathReload, Accept: rest.TypeJSON})
	if err != nil {
		return nil, err
	}
	out, err := object(resp, "")
	if err != nil {
		return nil, err
	}
	return answer(resp, map[string]any{"reloaded": resp.Status == http.StatusCreated, "models": json.RawMessage(out.Body)})
}
