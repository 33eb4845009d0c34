package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/handover"
	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/metrics"
	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Options adjust a host. The zero value is useful.
type Options struct {
	// Logger takes the host's and the plugins' log lines; nil discards them.
	Logger hclog.Logger
	// LookupEnv finds environment variables for env() and for credentials; nil
	// means [os.LookupEnv].
	LookupEnv config.LookupEnv
	// Listen, Admin and PluginDir replace the configuration's if not empty.
	Listen, Admin, PluginDir string
	// Dev names, by provider, binaries in development: they run as they stand,
	// whatever the lock file says and without signature, which is logged loudly.
	Dev map[string]string
	// Reattach says, by provider, how to reach plugins that somebody else runs in
	// the SDK's debug mode: the line of JSON that they printed, or the path of a
	// file with it, which is read at each attempt. The host neither starts nor ends
	// them. It is logged loudly as well.
	Reattach map[string]string
	// Sockets are those that the process was started with, from
	// [handover.Inherit]; nil for none.
	Sockets *handover.Sockets
}

// Host is a running Backplane. Make one with [New]. It is safe for concurrent
// use.
type Host struct {
	opts    Options
	path    string // of the configuration, "" if it is no file
	log     hclog.Logger
	lookup  config.LookupEnv
	metrics *metrics.Metrics
	bodies  *admission.Budget // of all handlers
	servers servers

	// file is the configuration as it was read last. It knows where settings
	// stand, and what they mean to another version of a plugin.
	file   *config.File
	fileMu sync.Mutex

	// state is replaced as a whole when anything changes, so that requests read
	// it without a lock. changes serialises the replacements and guards the ids
	// that are reserved; it is never held while a plugin is asked.
	state     atomic.Pointer[state]
	changes   sync.Mutex
	reserved  map[string]chan struct{} // closed when the id is free again
	reloading turn                     // for changes of the whole configuration
	leaving   leaving

	started, draining atomic.Bool
	stop              sync.Once
	stopErr           error
}

// New makes a host from a setup that [Load] returned. Nothing runs and nothing
// listens before [Host.Start].
func New(setup *Setup, opts Options) (*Host, error) {
	opts.fill()
	h := &Host{
		opts: opts, path: setup.path, log: opts.Logger, lookup: opts.LookupEnv,
		bodies: api.NewBodies(setup.Config.Server.MaxBufferedBytes, setup.Config.Server.MaxBodyBytes),
		file:   setup.file, reserved: make(map[string]chan struct{}), reloading: newTurn(), leaving: newLeaving(),
	}
	rules, err := rules(setup.Config.Routes)
	if err != nil {
		return nil, err
	}
	first := &state{config: setup.Config, rules: rules, plugins: make(map[string]*running), endpoints: make(map[string]*entry)}
	for _, p := range setup.Config.Providers {
		first.plugins[p.Name] = h.newProvider(p, setup.plugins[p.Name], setup.Config.Server)
	}
	if h.metrics, err = metrics.New(h.metricsSource()); err != nil {
		return nil, fmt.Errorf("set up metrics: %w", err)
	}
	for _, e := range setup.Config.Endpoints {
		first.endpoints[e.ID] = h.newEntry(first.plugins[e.Provider], e, originConfig, 1)
	}
	h.publish(first)
	return h, nil
}

func (h *Host) newProvider(p config.Provider, found foundPlugin, server config.Server) *running {
	r := &running{config: p, path: found.path, missing: found.err, turn: newTurn()}
	if found.err == nil {
		if found.binary == nil && found.attach == nil {
			h.log.Warn("PROVIDER IN DEVELOPMENT: its binary is neither verified nor kept", "provider", p.Name, "path", found.path)
		}
		started := plugin.New(found.spec(p, server), h.log)
		started.OnChange(func() { h.follow(started) })
		r.Provider = started
	}
	return r
}

// Start starts the plugins, opens the endpoints and then listens. An error means
// that the host cannot run at all, because an address is taken, or that it was
// shut down meanwhile; a provider that does not start is no error:
// [Host.Providers] says why, and its endpoints answer with the reason. ctx bounds
// the start alone. A host is started once.
func (h *Host) Start(ctx context.Context) error {
	if err := h.servers.bind(ctx, h.state.Load().config.Server, h.opts.Sockets); err != nil {
		return err
	}
	h.startPlugins(ctx)
	h.started.Store(true)
	if err := h.servers.serve(h); err != nil {
		return err
	}
	if err := h.opts.Sockets.Ready(); err != nil {
		h.log.Warn("cannot say that the host is ready to who started it", "error", err)
	}
	return h.startWatch(ctx)
}

// startWatch looks at the plugins' files from now on, unless the host was stopped
// meanwhile: its end takes the turn before it waits for what leaves.
func (h *Host) startWatch(ctx context.Context) error {
	if err := h.reloading.take(ctx); err != nil {
		return err
	}
	defer h.reloading.give()
	if h.leaving.life.Err() == nil {
		h.leaving.wg.Go(h.watch(h.leaving.life))
	}
	return nil
}

// startPlugins starts all plugins at once and opens their endpoints. Failures
// are logged and show in the status.
func (h *Host) startPlugins(ctx context.Context) {
	var wg sync.WaitGroup
	for name, p := range h.state.Load().plugins {
		if p.missing != nil {
			h.log.Error("provider cannot run", "provider", name, "error", p.missing)
			continue
		}
		wg.Go(func() {
			_ = p.Start(ctx) // the provider has logged why, once for all of its endpoints
			h.openAll(ctx, name)
		})
	}
	wg.Wait()
}

// openAll opens the configured endpoints of one provider. If the process does
// not run now, they are remembered for the next.
func (h *Host) openAll(ctx context.Context, name string) {
	for _, e := range h.state.Load().of(name) {
		id := e.config.ID
		if e.plugin.Spec().Lazy { // asked when its process starts
			e.plugin.Remember(e.pluginConfig())
			continue
		}
		if err := e.open(ctx); err != nil && provider.AsError(err).Code != provider.CodePluginUnavailable {
			h.log.Error("endpoint did not open", "endpoint", id, "error", h.placed(id, err))
		}
	}
}

// placed gives a plugin's words about an endpoint's settings their lines in the
// configuration file.
func (h *Host) placed(id string, err error) error {
	var wrong *provider.ConfigError
	if !errors.As(err, &wrong) {
		return err
	}
	h.fileMu.Lock()
	defer h.fileMu.Unlock()
	if placed := h.file.EndpointDiagnostics(id, wrong.Diagnostics).Err(); placed != nil {
		return placed
	}
	return err
}

// Shutdown stops the host in order: not ready any more, listeners closed,
// running requests given until ctx ends (at most the configured
// shutdown_timeout), then endpoints and plugins closed. It may be called more
// than once and without Start.
func (h *Host) Shutdown(ctx context.Context) error {
	h.stop.Do(func() { h.stopErr = h.shutdown(ctx) })
	return h.stopErr
}

func (h *Host) shutdown(ctx context.Context) error {
	h.draining.Store(true)
	if limit := h.state.Load().config.Server.ShutdownTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := h.servers.drain(ctx)
	h.leaving.cancel() // ends a reload, too
	if h.reloading.take(ctx) == nil {
		defer h.reloading.give()
	}
	last := h.state.Load()
	for _, e := range last.endpoints {
		e.endpoint.Close()
	}
	var wg sync.WaitGroup
	wg.Go(func() { h.leaving.end(ctx) })
	errs := make([]error, len(last.plugins))
	for i, name := range slices.Sorted(maps.Keys(last.plugins)) {
		if p := last.plugins[name]; p.missing == nil {
			wg.Go(func() { errs[i] = p.Shutdown(ctx) })
		}
	}
	wg.Wait()
	h.servers.close()
	return errors.Join(append(errs, err, h.metrics.Shutdown())...)
}
