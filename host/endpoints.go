package host

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// EndpointSpec is an endpoint, or a change of one, with the names of the
// configuration's endpoint block. What it does not name is inherited from the
// provider's block, or kept:
//
//	host.EndpointSpec{
//		"provider": "openai", "model": "gpt-4o", "api_key": key,
//		"queue": map[string]any{"max_concurrent": 10},
//	}
//
// "id" is optional; without it the host makes one up.
type EndpointSpec map[string]any

// CreateEndpoint makes an endpoint at run time and returns its id. It lives
// until it is deleted or the host stops. Mistakes in the spec come back as a
// [*provider.Error] around a [*provider.ConfigError]; then nothing is created.
func (h *Host) CreateEndpoint(ctx context.Context, spec EndpointSpec) (string, error) {
	data, err := json.Marshal(spec)
	if err != nil {
		return "", invalid("encode the endpoint: %w", err)
	}
	e, err := h.createEndpoint(ctx, data)
	return e.ID, err
}

// UpdateEndpoint changes what the patch names. Requests in flight finish with
// what they began with; queue, breaker and numbers are kept.
func (h *Host) UpdateEndpoint(ctx context.Context, id string, patch EndpointSpec) error {
	data, err := json.Marshal(patch)
	if err != nil {
		return invalid("encode the change: %w", err)
	}
	_, err = h.updateEndpoint(ctx, id, data)
	return err
}

// DeleteEndpoint removes an endpoint. Waiting requests are refused, running ones
// finish.
func (h *Host) DeleteEndpoint(ctx context.Context, id string) error {
	e, err := h.lockEntry(ctx, id)
	if err != nil {
		return err
	}
	defer e.turn.give()
	if users := h.routesTo(id); len(users) > 0 {
		return &provider.Error{Code: provider.CodeConflict, Source: provider.SourceHost,
			Message: fmt.Sprintf("endpoint %q is used by the route %s of the configuration; remove it there", id, strings.Join(users, ", "))}
	}
	// The id stays taken until the plugin has closed its endpoint: another one
	// that is created under it must not be closed in its place.
	h.changeEndpoints(func(endpoints map[string]*entry) {
		delete(endpoints, id)
		h.reserved[id] = make(chan struct{})
	})
	defer h.unreserve(id)
	e.endpoint.Close()
	if e.plugin.missing != nil {
		return nil
	}
	// It is gone, whether or not the caller waits.
	return asError(e.plugin.CloseEndpoint(context.WithoutCancel(ctx), id))
}

// Endpoints describes all endpoints, by id.
func (h *Host) Endpoints() []status.Endpoint {
	endpoints := h.state.Load().endpoints
	all := make([]status.Endpoint, 0, len(endpoints))
	for _, id := range slices.Sorted(maps.Keys(endpoints)) {
		all = append(all, endpoints[id].status())
	}
	return all
}

// Endpoint describes one endpoint.
func (h *Host) Endpoint(id string) (status.Endpoint, error) {
	e, err := h.entry(id)
	if err != nil {
		return status.Endpoint{}, err
	}
	return e.status(), nil
}

func (h *Host) createEndpoint(ctx context.Context, spec []byte) (status.Endpoint, error) {
	id, name, err := config.PeekEndpoint(spec)
	if err != nil {
		return status.Endpoint{}, invalid("%w", err)
	}
	p, err := h.providerOf(name)
	if err != nil {
		return status.Endpoint{}, err
	}
	if id, err = h.reserve(ctx, id, name); err != nil {
		return status.Endpoint{}, err
	}
	defer h.unreserve(id)
	cfg, diags := config.DecodeEndpoint(spec, p.config, p.Manifest(), h.lookup)
	if schema.HasErrors(diags) {
		return status.Endpoint{}, mistakes(diags)
	}
	cfg.ID = id
	e := h.newEntry(p, cfg, originAPI, 1)
	if err := e.open(ctx); err != nil {
		e.endpoint.Close()
		// Not opened with the next process either, also if the caller has left.
		_ = p.CloseEndpoint(context.WithoutCancel(ctx), id)
		return status.Endpoint{}, asError(err)
	}
	gone := false
	h.change(func(s *state) {
		if now := s.plugins[name]; now == nil || now.Provider != p.Provider {
			gone = true // a reload has removed it meanwhile
			return
		}
		s.endpoints[id] = e
	})
	if gone {
		e.endpoint.Close()
		return status.Endpoint{}, route.Unknown("provider", name, slices.Sorted(maps.Keys(h.state.Load().plugins)))
	}
	return e.status(), nil
}

func (h *Host) updateEndpoint(ctx context.Context, id string, patch []byte) (status.Endpoint, error) {
	e, err := h.lockEntry(ctx, id)
	if err != nil {
		return status.Endpoint{}, err
	}
	defer e.turn.give()
	if e.plugin.missing != nil {
		return status.Endpoint{}, e.unavailable()
	}
	cfg, diags := config.PatchEndpoint(patch, e.config, e.manifest)
	if schema.HasErrors(diags) {
		return status.Endpoint{}, mistakes(diags)
	}
	next := e.changed(cfg, e.revision+1)
	next.patched = true
	if err := next.open(ctx); err != nil {
		return status.Endpoint{}, asError(err)
	}
	next.apply()
	h.changeEndpoints(func(endpoints map[string]*entry) { endpoints[id] = next })
	return next.status(), nil
}

// providerOf finds the provider for a new endpoint.
func (h *Host) providerOf(name string) (*running, error) {
	plugins := h.state.Load().plugins
	known := slices.Sorted(maps.Keys(plugins))
	if name == "" {
		return nil, invalid("the endpoint names no provider; configured are %s", strings.Join(known, ", "))
	}
	p, ok := plugins[name]
	if !ok {
		return nil, route.Unknown("provider", name, known)
	}
	if p.missing != nil {
		return nil, &provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost,
			Message: fmt.Sprintf("provider %q cannot be used: %v", name, p.missing)}
	}
	return p, nil
}

// routesTo lists the configured routes that lead to an endpoint.
func (h *Host) routesTo(id string) []string {
	var users []string
	for _, r := range h.state.Load().config.Routes {
		if slices.Contains(r.Endpoints, id) {
			users = append(users, fmt.Sprintf("%q", r.Pattern))
		}
	}
	return users
}

// entry finds an endpoint.
func (h *Host) entry(id string) (*entry, error) {
	state := h.state.Load()
	e, ok := state.endpoints[id]
	if !ok {
		return nil, route.Unknown("endpoint", id, state.table.Endpoints())
	}
	return e, nil
}
