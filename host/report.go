package host

import (
	"cmp"
	"maps"
	"slices"

	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/host/status"
)

// Stats returns the numbers of an endpoint since it was created.
func (h *Host) Stats(endpointID string) (status.Stats, error) {
	e, err := h.entry(endpointID)
	if err != nil {
		return status.Stats{}, err
	}
	return e.endpoint.Stats(), nil
}

// AllStats returns the numbers of all endpoints, by id.
func (h *Host) AllStats() []status.Stats {
	endpoints := h.state.Load().endpoints
	all := make([]status.Stats, 0, len(endpoints))
	for _, id := range slices.Sorted(maps.Keys(endpoints)) {
		all = append(all, endpoints[id].endpoint.Stats())
	}
	return all
}

// ResetStats starts an endpoint's numbers anew.
func (h *Host) ResetStats(endpointID string) error {
	e, err := h.entry(endpointID)
	if err != nil {
		return err
	}
	e.endpoint.ResetStats()
	return nil
}

// Recent returns the latest requests that the filter chooses, newest first. Each
// endpoint keeps those of the last hour, within bounds.
func (h *Host) Recent(filter status.RequestFilter) []status.Request {
	var all []status.Request
	for id, e := range h.state.Load().endpoints {
		if filter.Endpoint == "" || filter.Endpoint == id {
			all = append(all, e.endpoint.Recent(filter)...)
		}
	}
	slices.SortStableFunc(all, func(a, b status.Request) int { return cmp.Compare(b.At.UnixNano(), a.At.UnixNano()) })
	if filter.Limit > 0 && len(all) > filter.Limit {
		all = all[:filter.Limit]
	}
	return all
}

// Providers returns the states of all providers, by name, without their logs.
func (h *Host) Providers() []status.Provider {
	plugins := h.state.Load().plugins
	all := make([]status.Provider, 0, len(plugins))
	for _, name := range slices.Sorted(maps.Keys(plugins)) {
		all = append(all, plugins[name].status(false))
	}
	return all
}

// Provider returns the state of one provider with its latest log lines.
func (h *Host) Provider(name string) (status.Provider, error) {
	plugins := h.state.Load().plugins
	p, ok := plugins[name]
	if !ok {
		return status.Provider{}, route.Unknown("provider", name, slices.Sorted(maps.Keys(plugins)))
	}
	return p.status(true), nil
}

func (r *running) status(withLog bool) status.Provider {
	if r.missing != nil {
		return status.Provider{Name: r.config.Name, State: status.ProviderFailed, Reason: r.missing.Error(),
			Path: r.path, Endpoints: []string{}}
	}
	return r.Status(withLog)
}

// Ready reports whether requests can be served: the host has started, does not
// stop, and at least one provider's process is up, or would be with the next
// request, if there are any.
func (h *Host) Ready() (ready bool, reason string) {
	plugins := h.state.Load().plugins
	switch {
	case h.draining.Load():
		return false, "the host is shutting down"
	case !h.started.Load():
		return false, "the providers are starting"
	case len(plugins) == 0:
		return true, ""
	}
	for _, p := range plugins {
		if p.missing != nil {
			continue
		}
		if state := p.State(); state == status.ProviderReady || state == status.ProviderIdle {
			return true, ""
		}
	}
	return false, "no provider is ready"
}
