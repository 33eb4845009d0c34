package host

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	// modelsTTL is how long an endpoint's model list is used again: lists change
	// rarely, and clients ask for them at every start.
	modelsTTL = time.Minute
	// modelsPause is how long a service that gave no list is left alone, so that
	// one that is down does not make every question for models slow.
	modelsPause = 15 * time.Second
	// modelsTimeout bounds one question for a list; a service that does not
	// answer must not keep the others' models from the caller.
	modelsTimeout = 10 * time.Second
)

// Models lists what can be named as a model: endpoints, exact routes, and the
// models that the endpoints' services list. A service that does not answer in
// time is left out, as is one that there is no key for. Lists are kept for a
// minute.
func (h *Host) Models(ctx context.Context) ([]provider.Model, error) {
	state := h.state.Load()
	lists := make([][]provider.Model, 0, len(state.endpoints))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, e := range state.endpoints {
		if e.manifest.Credential.Required && e.config.APIKey.IsZero() {
			continue
		}
		wg.Go(func() {
			found, err := h.endpointModels(ctx, e)
			if err != nil {
				return // its own names are listed all the same
			}
			mu.Lock()
			defer mu.Unlock()
			lists = append(lists, found)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, provider.AsError(err)
	}
	return union(h.ownModels(state), lists), nil
}

// ownModels are the names that the host itself gives a meaning.
func (h *Host) ownModels(state *state) []provider.Model {
	var own []provider.Model
	add := func(id string) {
		own = append(own, provider.Model{ID: id, Object: "model", OwnedBy: "backplane"})
	}
	for _, id := range state.table.Endpoints() {
		add(id)
	}
	for _, r := range state.config.Routes {
		if !strings.ContainsAny(r.Pattern, "*?") {
			add(r.Pattern)
		}
	}
	return own
}

// union joins lists, sorted by id; a name that the host gives a meaning wins.
func union(own []provider.Model, lists [][]provider.Model) []provider.Model {
	seen := make(map[string]bool)
	var all []provider.Model
	for _, list := range append([][]provider.Model{own}, lists...) {
		for _, m := range list {
			if !seen[m.ID] {
				seen[m.ID] = true
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b provider.Model) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// endpointModels asks an endpoint's service for its models, or takes the list
// that was read less than a minute ago. Who comes while the service is being
// asked shares the answer.
func (h *Host) endpointModels(ctx context.Context, e *entry) ([]provider.Model, error) {
	if op, ok := e.manifest.Operation(provider.OpModels); !ok || !op.Has(provider.ModeCall) {
		return nil, nil
	}
	if err := e.unavailable(); err != nil {
		return nil, err
	}
	if list := e.models.latest.Load(); list.fresh() {
		return list.models, list.err
	}
	// The question outlives the caller that asks first, for the others' sake.
	answer := e.models.asking.DoChan("", func() (any, error) {
		return e.askModels(context.WithoutCancel(ctx))
	})
	select {
	case result := <-answer:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.([]provider.Model), nil
	case <-ctx.Done():
		return nil, provider.AsError(ctx.Err())
	}
}

// askModels asks the service and keeps its answer, or that it gave none.
func (e *entry) askModels(ctx context.Context) ([]provider.Model, error) {
	models, err := e.listModels(ctx)
	if err == nil || provider.AsError(err).Code != provider.CodePluginUnavailable { // its next process may be up in a moment
		e.models.latest.Store(&modelList{models: models, err: err, read: time.Now()})
	}
	return models, err
}

// listModels goes past queue, breaker and retries, and counts nowhere: the host
// asks of its own accord, which says nothing about the callers' requests.
func (e *entry) listModels(ctx context.Context) ([]provider.Model, error) {
	ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
	defer cancel()
	resp, err := e.plugin.Call(ctx, &provider.Request{
		Endpoint: e.config.ID, Revision: e.revision, RequestID: api.NewRequestID(), Attempt: 1,
		Operation: provider.OpModels, Body: []byte("{}"),
	})
	if err != nil {
		return nil, asError(err)
	}
	var list provider.ModelList
	if err := json.Unmarshal(resp.Body, &list); err != nil {
		return nil, provider.Errorf(provider.CodeProtocol, "the model list cannot be read: %w", err)
	}
	return list.Data, nil
}

// modelCache keeps an endpoint's model list.
type modelCache struct {
	asking singleflight.Group
	latest atomic.Pointer[modelList]
}

// modelList is a service's answer and when it came.
type modelList struct {
	models []provider.Model
	err    error
	read   time.Time
}

// fresh reports whether the service need not be asked again yet.
func (l *modelList) fresh() bool {
	switch {
	case l == nil:
		return false
	case l.err != nil:
		return time.Since(l.read) < modelsPause
	default:
		return time.Since(l.read) < modelsTTL
	}
}

// IsCompatibleModel reports whether an endpoint can serve a model: it is
// configured with it, its provider's patterns match, or its service lists it.
func (h *Host) IsCompatibleModel(ctx context.Context, endpointID, model string) (bool, error) {
	e, err := h.entry(endpointID)
	if err != nil {
		return false, err
	}
	if e.config.Model == model || route.MatchAny(e.manifest.Models.Patterns, model) {
		return true, nil
	}
	list, err := h.endpointModels(ctx, e)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(list, func(m provider.Model) bool { return m.ID == model }), nil
}
