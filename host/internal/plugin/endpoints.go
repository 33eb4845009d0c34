package plugin

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

const (
	// openTimeout bounds the opening of one endpoint. It must not contact the
	// service, so it has no reason to take long.
	openTimeout = 5 * time.Second
	// openAtOnce is how many endpoints a new process is given at a time.
	openAtOnce = 8
)

// endpoints remembers what is open, so that each new process can be given it.
// Its gate is held while a process is told of a change, and while a new process
// is given all of them: no change can fall between two processes.
type endpoints struct {
	gate chan struct{}

	mu   sync.Mutex
	open map[string]provider.EndpointConfig
}

func newEndpoints() *endpoints {
	return &endpoints{gate: make(chan struct{}, 1), open: map[string]provider.EndpointConfig{}}
}

func (e *endpoints) lock(ctx context.Context) error {
	select {
	case e.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *endpoints) unlock() { <-e.gate }

func (e *endpoints) remember(cfg provider.EndpointConfig) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[cfg.ID] = cfg
}

// rememberNew is remember for an endpoint that is not open yet.
func (e *endpoints) rememberNew(cfg provider.EndpointConfig) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.open[cfg.ID]; !known {
		e.open[cfg.ID] = cfg
	}
}

func (e *endpoints) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, id)
}

// all returns the open endpoints, sorted by id.
func (e *endpoints) all() []provider.EndpointConfig {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []provider.EndpointConfig
	for _, id := range slices.Sorted(maps.Keys(e.open)) {
		all = append(all, e.open[id])
	}
	return all
}

// replace changes the configurations of endpoints that are open, and returns
// those that it has replaced. Others are left out: they were closed meanwhile.
func (e *endpoints) replace(with []provider.EndpointConfig) (before []provider.EndpointConfig) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, cfg := range with {
		if old, known := e.open[cfg.ID]; known {
			before = append(before, old)
			e.open[cfg.ID] = cfg
		}
	}
	return before
}

// with returns the open endpoints, some of them with other configurations.
func (e *endpoints) with(changed []provider.EndpointConfig) []provider.EndpointConfig {
	all := e.all()
	for i := range all {
		for _, cfg := range changed {
			if cfg.ID == all[i].ID {
				all[i] = cfg
			}
		}
	}
	return all
}

func (e *endpoints) ids() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, slices.Sorted(maps.Keys(e.open))...) // never nil
}

// OpenEndpoint opens an endpoint in the running process, or replaces it, and
// remembers it for every later process. Diagnostics that are errors mean that
// it was refused: an endpoint that was open under the id stays as it was. An
// error means the same, with one exception: if there is no process to ask, a
// new endpoint is remembered all the same and opened in the next process.
// CloseEndpoint takes that back. A process that is starting is waited for, but
// not one whose last start failed.
func (p *Provider) OpenEndpoint(ctx context.Context, cfg provider.EndpointConfig) ([]schema.Diagnostic, error) {
	g, err := p.leaseAndLock(ctx)
	defer p.endpoints.unlock()
	if err != nil {
		p.endpoints.rememberNew(cfg)
		return nil, err
	}
	defer g.release()
	openCtx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	diags, err := g.conn.OpenEndpoint(openCtx, cfg)
	switch {
	case err != nil:
		return nil, g.explain(ctx, err)
	case schema.HasErrors(diags):
		return diags, nil
	}
	p.endpoints.remember(cfg)
	g.setRefused(cfg.ID, "")
	return diags, nil
}

// Remember notes an endpoint for the next process, without asking one. It is for
// endpoints of a provider that is to start with the first call.
func (p *Provider) Remember(cfg provider.EndpointConfig) { p.endpoints.remember(cfg) }

// CloseEndpoint forgets an endpoint and closes it in the running process. An
// unknown id is not an error, and neither is a process that is gone. On an
// error the endpoint is forgotten all the same, but the running process may
// still have it.
func (p *Provider) CloseEndpoint(ctx context.Context, id string) error {
	p.endpoints.forget(id)
	// With the gate held no process is in the middle of being given the endpoint.
	if err := p.endpoints.lock(ctx); err != nil {
		return provider.AsError(err)
	}
	defer p.endpoints.unlock()
	g := p.current.Load()
	if g == nil || !g.acquire() {
		return nil
	}
	defer g.release()
	g.setRefused(id, "")
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := g.conn.CloseEndpoint(ctx, id); err != nil {
		err = g.explain(ctx, err)
		if !g.proc.hasExited() {
			return err
		}
	}
	return nil
}

// awaitReady waits, as calls do, until there is a process that takes calls. By
// the time that the gate is taken it may be another one.
func (p *Provider) awaitReady(ctx context.Context) error {
	g, err := p.lease(ctx)
	if err == nil {
		g.release()
	}
	return err
}

// leaseAndLock waits for a process that takes calls and takes the gate, which
// it holds in any case when it returns. It can outlast ctx by the time that a
// starting process needs for opening its endpoints: only with the gate held is
// it certain which process an endpoint went to.
func (p *Provider) leaseAndLock(ctx context.Context) (*generation, error) {
	var err error
	// Who opens many endpoints of a provider that does not come up must not wait
	// for each of them.
	if now, _ := p.state.get(); !now.failing {
		err = p.awaitReady(ctx)
	}
	p.endpoints.gate <- struct{}{}
	if g := p.current.Load(); g != nil && g.acquire() {
		return g, nil
	}
	if err == nil {
		now, _ := p.state.get()
		err = p.unavailable(now)
	}
	return nil, err
}

// replay gives a new process all open endpoints. One that it refuses is marked,
// so that calls to it fail with the reason, and stops no other; but in place of a
// process that had accepted it, a strict plan takes none that refuses. The error
// means that the process as a whole is of no use. The caller holds the gate.
func (p *Provider) replay(ctx context.Context, g *generation, plan plan) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(openAtOnce)
	all := p.endpoints.with(plan.endpoints)
	reasons := make([]string, len(all))
	for i, cfg := range all {
		group.Go(func() (err error) {
			reasons[i], err = reopen(groupCtx, g, cfg)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	now := p.current.Load()
	for i, reason := range reasons {
		switch {
		case reason == "":
		case slices.Contains(plan.leaving, all[i].ID):
			g.setRefused(all[i].ID, reason)
		case plan.strict && (now == nil || now.refusal(all[i].ID) == nil):
			return permanentf("it refuses endpoint %q: %s", all[i].ID, reason)
		default:
			p.log.Error("endpoint was refused by the provider's new process", "endpoint", all[i].ID, "reason", reason)
			g.setRefused(all[i].ID, reason)
		}
	}
	return nil
}

// reopen opens one endpoint in a new process. It returns why the process refused
// it, or an error if the process is gone.
func reopen(ctx context.Context, g *generation, cfg provider.EndpointConfig) (string, error) {
	openCtx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	diags, err := g.conn.OpenEndpoint(openCtx, cfg)
	switch {
	case err == nil && schema.HasErrors(diags):
		return printable(schema.Join(diags), 1000), nil
	case err == nil:
		return "", nil
	case ctx.Err() != nil || lostConnection(provider.AsError(err)):
		return "", err
	default:
		return printable(err.Error(), 1000), nil
	}
}
