package plugin

import (
	"github.com/backplane-dev/backplane/sdk/provider"
)

// previous is what a provider ran before its latest change: what a rollback
// goes back to.
type previous struct {
	spec Spec
	// endpoints are the configurations that the change has replaced, each with the
	// revision that it has put in their place.
	endpoints []replacedEndpoint
}

type replacedEndpoint struct {
	config provider.EndpointConfig
	by     uint64
}

// replaced pairs the configurations that a change has replaced with those that
// it has put there.
func replaced(before, after []provider.EndpointConfig) []replacedEndpoint {
	pairs := make([]replacedEndpoint, 0, len(before))
	for _, old := range before {
		for _, now := range after {
			if now.ID == old.ID {
				pairs = append(pairs, replacedEndpoint{old, now.Revision})
			}
		}
	}
	return pairs
}

// undone returns the configurations that bring the endpoints back. One that was
// changed again since is left as it is: that was somebody's later wish. Each has
// a new revision, since revisions never go back: a call that waits in a queue may
// mean the one that is given up.
func (e *endpoints) undone(pairs []replacedEndpoint) []provider.EndpointConfig {
	e.mu.Lock()
	defer e.mu.Unlock()
	var undone []provider.EndpointConfig
	for _, pair := range pairs {
		if now, open := e.open[pair.config.ID]; open && now.Revision == pair.by {
			back := pair.config
			back.Revision = now.Revision + 1
			undone = append(undone, back)
		}
	}
	return undone
}

// OnChange has f called whenever the provider runs another spec than before, or
// its endpoints have other configurations by the provider's own doing: after a
// swap and after a rollback, also one that a failed trial made. f is called by
// the supervisor, so it must not wait for a change of the provider. Set it before
// Start.
func (p *Provider) OnChange(f func()) { p.changed = f }

// tellChange calls what OnChange has set.
func (p *Provider) tellChange() {
	if p.changed != nil {
		p.changed()
	}
}

// OpenEndpoints returns the endpoints as they are open, or remembered for the
// next process, by id.
func (p *Provider) OpenEndpoints() map[string]provider.EndpointConfig {
	open := make(map[string]provider.EndpointConfig)
	for _, cfg := range p.endpoints.all() {
		open[cfg.ID] = cfg
	}
	return open
}

// ManifestNow returns the manifest of what the provider runs. It is the same
// pointer until that changes; what it points to must not be changed.
func (p *Provider) ManifestNow() *provider.Manifest { return &p.spec.Load().Manifest }
