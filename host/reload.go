package host

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Reload reads the configuration that the host was started with anew and applies
// it without a failed request: new providers are started and others swapped, then
// endpoints and routes change at one moment, and then what was removed finishes
// its requests and is stopped. It returns what was done; what removed parts still
// finish is not waited for.
//
// A configuration with mistakes changes nothing, and is an error around a
// [*config.Error]. Where a part of it cannot be applied, because a new version of
// a plugin does not start or an endpoint is refused, that part stays as it is,
// the others are applied, and the plan's steps say so. Endpoints that were made
// through the admin API stay, unless the file has one of the same id or not their
// provider any more.
func (h *Host) Reload(ctx context.Context) (status.Plan, error) {
	if err := h.reloading.take(ctx); err != nil {
		return status.Plan{}, err
	}
	defer h.reloading.give()
	if !h.started.Load() || h.draining.Load() {
		return status.Plan{}, &provider.Error{Code: provider.CodeShutdown, Source: provider.SourceHost, Message: "the host is starting or stopping"}
	}
	p, err := h.read(ctx, "")
	if err != nil {
		return status.Plan{}, err
	}
	defer p.setup.Close()
	release, err := h.lockAll(ctx)
	if err != nil {
		return status.Plan{}, err
	}
	defer release()
	p.compare(h.state.Load())
	// From here on it is carried out, whether or not anybody waits for it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(h.leaving.life, cancel)()
	r := &reload{Host: h, plan: p, started: make(map[string]*running)}
	r.apply(ctx)
	told := p.public()
	h.log.Info("configuration was read anew", "file", p.file, "changes", told.Changes(), "problems", told.Problems())
	return told, nil
}

// lockAll takes the turns of all providers and then of all endpoints.
func (h *Host) lockAll(ctx context.Context) (release func(), err error) {
	var taken []turn
	s := h.state.Load()
	for _, name := range slices.Sorted(maps.Keys(s.plugins)) {
		taken = append(taken, s.plugins[name].turn)
	}
	s = h.state.Load()
	for _, id := range slices.Sorted(maps.Keys(s.endpoints)) {
		taken = append(taken, s.endpoints[id].turn)
	}
	for i, t := range taken {
		if err := t.take(ctx); err != nil {
			giveAll(taken[:i])
			return nil, err
		}
	}
	return func() { giveAll(taken) }, nil
}

// reload carries a plan out. Steps that cannot be made get their problem.
type reload struct {
	*Host
	*plan
	started map[string]*running
	created []*endpointOutcome
}

// endpointOutcome is what became of an endpoint's step, until it is published.
type endpointOutcome struct {
	*endpointStep
	entry    *entry // a new one
	revision uint64 // with which the plugin was told of a change; 0 if it was not
	reserved bool
	skip     bool // it stays as it is
}

// apply makes the steps in the order in which no request fails.
func (r *reload) apply(ctx context.Context) {
	r.changeProviders(ctx)
	r.created = make([]*endpointOutcome, len(r.endpoints))
	var wg sync.WaitGroup
	slots := make(chan struct{}, describeAtOnce)
	for i, s := range r.endpoints {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r.created[i] = r.prepare(ctx, s)
		})
	}
	wg.Wait()
	r.leave(r.publishAll())
	for _, o := range r.created {
		if o.reserved {
			r.unreserve(o.Name)
		}
	}
}

// changeProviders starts new providers and swaps others, all at once.
func (r *reload) changeProviders(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range r.providers {
		if s.Action == status.ActionSwap && s.Problem != "" { // known before it was tried
			continue
		}
		found := r.take(s)
		switch s.Action {
		case status.ActionStart:
			p := r.newProvider(s.want, found, r.setup.Config.Server)
			r.started[s.Name] = p
			if p.missing != nil {
				r.log.Error("provider cannot run", "provider", s.Name, "error", p.missing)
				continue
			}
			wg.Go(func() { s.fail(p.Start(ctx)) })
		case status.ActionSwap, status.ActionChange:
			change := plugin.Change{Spec: found.spec(s.want, r.setup.Config.Server), Endpoints: r.changedOf(s.Name), Leaving: r.leavingOf(s.Name)}
			if s.Action == status.ActionChange {
				change.Endpoints = nil // it needs no process
			}
			wg.Go(func() {
				_, err := s.now.Swap(ctx, change)
				s.fail(err)
			})
		}
	}
	wg.Wait()
}

// take returns what was found of a provider. Its binary belongs to the caller
// where the step needs it.
func (r *reload) take(s *providerStep) foundPlugin {
	found := r.setup.plugins[s.Name]
	switch s.Action {
	case status.ActionStart, status.ActionSwap, status.ActionChange:
		if found.err == nil {
			kept := found
			kept.binary = nil
			r.setup.plugins[s.Name] = kept
		}
	}
	return found
}

// fail records why a step was not made.
func (s *providerStep) fail(err error) {
	if err != nil {
		s.Problem = err.Error()
	}
}

// changedOf are the configurations of a provider's endpoints that its next process
// opens them with.
func (r *reload) changedOf(name string) []provider.EndpointConfig {
	var changed []provider.EndpointConfig
	for _, s := range r.endpoints {
		if s.Action == status.ActionChange && s.open && !s.again && s.want.Provider == name {
			changed = append(changed, pluginConfig(s.want, s.now.revision+1))
		}
	}
	return changed
}

// leavingOf are a provider's endpoints that are about to be closed.
func (r *reload) leavingOf(name string) []string {
	var ids []string
	for _, s := range r.endpoints {
		if (s.Action == status.ActionDelete || s.Action == status.ActionReplace) && s.now.config.Provider == name {
			ids = append(ids, s.Name)
		}
	}
	return ids
}

// running is the provider that an endpoint is to have.
func (r *reload) running(name string) *running {
	if p := r.started[name]; p != nil {
		return p
	}
	return r.now.plugins[name]
}

// prepare tells the plugin of an endpoint, as far as it must be told.
func (r *reload) prepare(ctx context.Context, s *endpointStep) *endpointOutcome {
	o := &endpointOutcome{endpointStep: s}
	owner := r.provider(s.want.Provider)
	switch {
	case s.Action == status.ActionCreate, s.Action == status.ActionReplace:
		r.create(ctx, o)
	case s.Action == status.ActionChange && s.open && !s.again && owner.Action == status.ActionSwap:
		if o.skip = owner.Problem != ""; o.skip {
			s.Problem = "its provider was not swapped, so it stays as it is"
		}
	case s.Action == status.ActionChange && s.open:
		next := s.now.changed(s.want, s.now.revision+1)
		err := next.open(ctx)
		if isUnavailable(err) { // for the next process
			next.plugin.Remember(next.pluginConfig())
			err = nil
		}
		if o.skip = err != nil; o.skip {
			s.Problem = r.placedIn(s.Name, err).Error()
		}
		o.revision = next.revision
	}
	return o
}

// create makes a new endpoint and opens it. One that its plugin refuses is there
// all the same, as at the start, and answers with the reason.
func (r *reload) create(ctx context.Context, o *endpointOutcome) {
	if o.Action == status.ActionCreate {
		if _, err := r.reserve(ctx, o.Name, o.want.Provider); err != nil {
			o.skip, o.Problem = true, err.Error()
			return
		}
		o.reserved = true
	}
	p, revision := r.running(o.want.Provider), uint64(1)
	if p.Provider != nil { // one that is leaving may still be open under the id
		revision += p.OpenEndpoints()[o.Name].Revision
	}
	o.entry = r.newEntry(p, o.want, o.origin, revision)
	switch {
	case p.Provider == nil:
		o.Problem = o.entry.unavailable().Message
	case r.started[o.want.Provider] != nil && p.Spec().Lazy:
		p.Remember(o.entry.pluginConfig())
	default:
		if err := o.entry.open(ctx); err != nil {
			o.Problem = r.placedIn(o.Name, err).Error()
		}
	}
}

// placedIn gives a plugin's words about settings their lines in the new file.
func (r *reload) placedIn(id string, err error) error {
	var wrong *provider.ConfigError
	if !errors.As(err, &wrong) {
		return err
	}
	if placed := r.setup.file.EndpointDiagnostics(id, wrong.Diagnostics).Err(); placed != nil {
		return placed
	}
	return err
}

func isUnavailable(err error) bool {
	var e *provider.Error
	return errors.As(err, &e) && e.Code == provider.CodePluginUnavailable
}
