package host

import (
	"maps"
	"slices"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/host/internal/route"
)

// state is one consistent view of what the host serves. It is never changed,
// only replaced.
type state struct {
	// config is what was applied last; endpoints that were made through the API
	// are not in it.
	config  *config.Config
	rules   []route.Rule
	plugins map[string]*running
	// endpoints are all there are, by id.
	endpoints map[string]*entry
	table     *route.Table
	// forward lists the request headers that some plugin wants to see.
	forward []api.ForwardHeader
}

// running is a provider of the configuration: its supervised process, or the
// reason why there is none. It is never changed; another configuration makes
// another one around the same *plugin.Provider.
type running struct {
	config config.Provider
	*plugin.Provider
	// missing is set, and Provider nil, if the plugin could not be found or
	// described.
	missing error
	path    string
	turn    turn // to change the process; the same for all its successors
}

// of returns the endpoints of a provider, by id in order.
func (s *state) of(name string) []*entry {
	var own []*entry
	for _, id := range slices.Sorted(maps.Keys(s.endpoints)) {
		if e := s.endpoints[id]; e.config.Provider == name {
			own = append(own, e)
		}
	}
	return own
}

// change replaces the state by a changed one. f gets a copy whose map of
// endpoints is its own, and must not wait for a plugin.
func (h *Host) change(f func(next *state)) {
	h.changes.Lock()
	defer h.changes.Unlock()
	next := *h.state.Load()
	next.endpoints = maps.Clone(next.endpoints)
	f(&next)
	h.publish(&next)
}

// changeEndpoints is change for the endpoints alone.
func (h *Host) changeEndpoints(f func(map[string]*entry)) {
	h.change(func(next *state) { f(next.endpoints) })
}

// publish makes a state the current one. Callers hold changes, but for New.
func (h *Host) publish(s *state) {
	known := make([]route.Endpoint, 0, len(s.endpoints))
	for id, e := range s.endpoints {
		e = e.upToDate()
		s.endpoints[id] = e
		known = append(known, route.Endpoint{ID: id, Model: e.config.Model, Patterns: e.manifest.Models.Patterns})
	}
	s.table, s.forward = route.New(s.rules, known), forwardHeaders(s.plugins)
	h.state.Store(s)
}

// follow takes over what became of a provider's change: the manifest of what runs
// now, and the settings with which its endpoints are open. The supervisor calls
// it, after a swap as well as after a rollback that it has made by itself.
func (h *Host) follow(p *plugin.Provider) {
	h.change(func(next *state) {
		open := p.OpenEndpoints() // under the lock: what is read is not older than what is published
		for id, e := range next.endpoints {
			now, ok := open[id]
			if e.plugin.Provider != p || !ok || now.Revision <= e.revision {
				continue
			}
			cfg := e.config
			cfg.Model, cfg.APIKey, cfg.Settings = now.Model, now.Credential, now.Settings
			next.endpoints[id] = e.changed(cfg, now.Revision)
			next.endpoints[id].apply()
		}
	})
}
