package host

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// SwapProvider reads a provider's binary anew and replaces the running process by
// one of it, without a failed request: the new version's own schema reads the
// settings of the provider and of its endpoints, the new process is started,
// configured and probed beside the old one, and takes the requests from then on;
// the old one finishes what it has. The same bytes are no change.
//
// An error is a [*provider.Error] that says why nothing was changed: the binary
// is not the pinned or signed one, its settings do not fit, it does not start. For
// the trial time of the configuration the new version is rolled back if it fails.
func (h *Host) SwapProvider(ctx context.Context, name string) (status.Swap, error) {
	return h.changeProvider(ctx, name, func(p *running) (status.Swap, error) {
		change, err := h.readAnew(ctx, p)
		if err != nil {
			return status.Swap{}, err
		}
		return p.Swap(ctx, change)
	})
}

// RollbackProvider goes back to what the provider ran before its latest change,
// with the settings that its endpoints had then. What was changed by hand since
// stays. The binary of then is kept in memory: it need not be on disk any more.
func (h *Host) RollbackProvider(ctx context.Context, name string) (status.Swap, error) {
	return h.changeProvider(ctx, name, func(p *running) (status.Swap, error) { return p.Rollback(ctx) })
}

// RestartProvider replaces the provider's process by one of the same kind, without
// a failed request, and ends a quarantine.
func (h *Host) RestartProvider(ctx context.Context, name string) (status.Swap, error) {
	return h.changeProvider(ctx, name, func(p *running) (status.Swap, error) { return p.Restart(ctx) })
}

// changeProvider carries out a change of a provider's process while nobody else
// changes it or its endpoints.
func (h *Host) changeProvider(ctx context.Context, name string, do func(*running) (status.Swap, error)) (status.Swap, error) {
	p, release, err := h.lockProvider(ctx, name)
	if err != nil {
		return status.Swap{}, err
	}
	defer release()
	if p.missing != nil {
		return status.Swap{}, conflict("provider %q does not run: %w; once that is mended, run: backplane reload", name, p.missing)
	}
	swap, err := do(p)
	if err != nil {
		return swap, conflict("%w", err)
	}
	h.tryRefused(ctx, name)
	return swap, nil
}

// tryRefused opens the endpoints of the file that the provider has refused until
// now: its new process may think better of them.
func (h *Host) tryRefused(ctx context.Context, name string) {
	s := h.state.Load()
	for _, e := range s.of(name) {
		if e.refused.Load() == nil {
			continue
		}
		read, err := h.resolve(s.manifests())
		if err != nil {
			continue // told already: it is why the endpoint is refused
		}
		i := slices.IndexFunc(read.Endpoints, func(r config.Endpoint) bool { return r.ID == e.config.ID })
		if i < 0 || e.patched {
			continue
		}
		next := e.changed(read.Endpoints[i], e.revision+1)
		if err := next.open(ctx); err != nil {
			h.log.Error("endpoint did not open", "endpoint", e.config.ID, "error", h.placed(e.config.ID, err))
		}
		next.apply()
		h.changeEndpoints(func(endpoints map[string]*entry) { endpoints[e.config.ID] = next })
	}
}

// conflict is the error for a change that cannot be made as things are. The end of
// a context keeps its own code.
func conflict(format string, args ...any) *provider.Error {
	err := fmt.Errorf(format, args...)
	if e := provider.AsError(err); e.Code == provider.CodeCanceled || e.Code == provider.CodeTimeout {
		return e
	}
	return &provider.Error{Code: provider.CodeConflict, Source: provider.SourceHost, Message: err.Error(), Cause: err}
}

// lockProvider takes the turns to change a provider and all of its endpoints; the
// caller gives them back with release. All who take several turns take the
// providers' first, and then the endpoints', each by name.
func (h *Host) lockProvider(ctx context.Context, name string) (p *running, release func(), err error) {
	for {
		s := h.state.Load()
		p, ok := s.plugins[name]
		if !ok {
			return nil, nil, route.Unknown("provider", name, slices.Sorted(maps.Keys(s.plugins)))
		}
		if err := p.turn.take(ctx); err != nil {
			return nil, nil, err
		}
		if now := h.state.Load().plugins[name]; now != nil && now.turn == p.turn {
			turns, err := h.lockEntries(ctx, name)
			if err != nil {
				p.turn.give()
				return nil, nil, err
			}
			return now, func() { giveAll(turns); p.turn.give() }, nil
		}
		p.turn.give() // removed meanwhile
	}
}

// lockEntries takes the turns of a provider's endpoints.
func (h *Host) lockEntries(ctx context.Context, name string) ([]turn, error) {
	var taken []turn
	for _, e := range h.state.Load().of(name) {
		if err := e.turn.take(ctx); err != nil {
			giveAll(taken)
			return nil, err
		}
		taken = append(taken, e.turn)
	}
	return taken, nil
}

func giveAll(turns []turn) {
	for _, t := range turns {
		t.give()
	}
}

// readAnew reads a provider's binary and settles what it is to run with.
func (h *Host) readAnew(ctx context.Context, p *running) (plugin.Change, error) {
	s := h.state.Load()
	programs, err := newPrograms(s.config.Server, h.opts)
	if err != nil {
		return plugin.Change{}, err
	}
	found := programs.find(ctx, p.config)
	if found.err != nil {
		return plugin.Change{}, found.err
	}
	manifests := s.manifests()
	manifests[p.config.Name] = found.manifest
	read, err := h.resolve(manifests)
	if err != nil {
		found.close()
		return plugin.Change{}, err
	}
	cfg, _ := read.Provider(p.config.Name)
	endpoints, err := s.migrate(p, read.Endpoints, found.manifest)
	if err != nil {
		found.close()
		return plugin.Change{}, err
	}
	return plugin.Change{Spec: found.spec(cfg, s.config.Server), Endpoints: endpoints}, nil
}

// manifests are those of what runs, by provider.
func (s *state) manifests() map[string]provider.Manifest {
	all := make(map[string]provider.Manifest)
	for name, p := range s.plugins {
		if p.missing == nil {
			all[name] = p.Manifest()
		}
	}
	return all
}

// resolve reads the configuration that was read last by other manifests.
func (h *Host) resolve(manifests map[string]provider.Manifest) (*config.Config, error) {
	h.fileMu.Lock()
	defer h.fileMu.Unlock()
	cfg, diags := h.file.Resolve(manifests)
	return cfg, diags.Err()
}

// migrate returns the configurations of the provider's endpoints that another
// version's manifest changes. Endpoints as they stand in the file were read from
// there; others are carried over.
func (s *state) migrate(p *running, read []config.Endpoint, to provider.Manifest) ([]provider.EndpointConfig, error) {
	var changed []provider.EndpointConfig
	for _, e := range s.of(p.config.Name) {
		cfg, diags := e.config, []schema.Diagnostic(nil)
		i := slices.IndexFunc(read, func(r config.Endpoint) bool { return r.ID == cfg.ID })
		if e.origin == originConfig && !e.patched && i >= 0 {
			cfg = read[i]
		} else {
			cfg, diags = config.Migrate(cfg, e.manifest, to)
		}
		if schema.HasErrors(diags) {
			return nil, fmt.Errorf("endpoint %q does not fit version %s: %s", cfg.ID, to.Version, schema.Join(diags))
		}
		if e.needsOpen(cfg) {
			changed = append(changed, pluginConfig(cfg, e.revision+1))
		}
	}
	return changed, nil
}

// needsOpen reports whether the plugin must be told of another configuration:
// policies are the host's own.
func (e *entry) needsOpen(cfg config.Endpoint) bool {
	return e.config.Model != cfg.Model || e.config.APIKey != cfg.APIKey ||
		!bytes.Equal(e.config.Settings.JSON(), cfg.Settings.JSON())
}
