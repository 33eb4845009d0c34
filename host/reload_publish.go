package host

import (
	"github.com/backplane-dev/backplane/host/status"
)

// publishAll makes the new configuration the one that requests go by, at one
// moment. It returns what has to leave.
func (r *reload) publishAll() (entries []*entry, providers []*running) {
	cfg := r.setup.Config
	cfg.KeepFixed(r.now.config)
	r.fileMu.Lock()
	r.Host.file = r.setup.file
	r.fileMu.Unlock()
	r.change(func(s *state) {
		s.config, s.rules, s.plugins = cfg, r.rules, r.nextPlugins()
		for _, o := range r.created {
			if old := o.publish(s); old != nil {
				entries = append(entries, old)
			}
		}
		for id, e := range s.endpoints {
			p := s.plugins[e.config.Provider]
			switch {
			case p == nil: // made through the API a moment ago
				delete(s.endpoints, id)
				entries = append(entries, e)
			case p != e.plugin && p.Provider == e.plugin.Provider:
				next := *e
				next.plugin = p
				s.endpoints[id] = &next
			}
		}
	})
	for _, s := range r.providers {
		if s.Action == status.ActionStop {
			providers = append(providers, s.now)
		}
	}
	return entries, providers
}

// nextPlugins are the providers of the new configuration.
func (r *reload) nextPlugins() map[string]*running {
	plugins := make(map[string]*running)
	for _, s := range r.providers {
		switch {
		case s.Action == status.ActionStop:
		case r.started[s.Name] != nil:
			plugins[s.Name] = r.started[s.Name]
		case s.now.missing != nil:
			plugins[s.Name] = r.newProvider(s.want, r.setup.plugins[s.Name], r.setup.Config.Server)
			plugins[s.Name].turn = s.now.turn
		default:
			next := *s.now
			next.config.Defaults = s.want.Defaults
			if s.Problem == "" {
				next.config = s.want
			}
			plugins[s.Name] = &next
		}
	}
	return plugins
}

// publish puts what became of an endpoint into a new state. It returns the entry
// that has to leave, nil if there is none.
func (o *endpointOutcome) publish(s *state) *entry {
	now := s.endpoints[o.Name] // may have followed its provider meanwhile
	switch {
	case o.skip:
	case o.entry != nil:
		s.endpoints[o.Name] = o.entry
		return o.now
	case o.Action == status.ActionDelete:
		delete(s.endpoints, o.Name)
		return o.now
	case now == nil: // deleted meanwhile
	case o.Action == status.ActionChange:
		s.endpoints[o.Name] = o.changed(now)
	case now.patched: // back to what the file says
		next := *now
		next.patched = false
		s.endpoints[o.Name] = &next
	}
	return nil
}

// changed returns the entry with the configuration that is wanted. What the plugin
// is told of was told here, or has come with the provider's swap; a rollback since
// has taken that back.
func (o *endpointOutcome) changed(now *entry) *entry {
	cfg, revision := o.want, now.revision
	if o.revision > 0 {
		revision = o.revision
	} else {
		cfg.Model, cfg.APIKey, cfg.Settings = now.config.Model, now.config.APIKey, now.config.Settings
	}
	next := now.changed(cfg, revision)
	next.origin, next.patched = o.origin, false
	next.apply()
	return next
}
