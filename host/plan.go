package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Plan says what a reload of a configuration file would change, and changes
// nothing; "" is the file that the host was started with. It reads the file, asks
// the binaries that it names who they are, and compares with what runs, whatever
// was read before. Mistakes in the file are an error around a [*config.Error].
func (h *Host) Plan(ctx context.Context, file string) (status.Plan, error) {
	p, err := h.read(ctx, file)
	if err != nil {
		return status.Plan{}, err
	}
	defer p.setup.Close()
	p.compare(h.state.Load())
	return p.public(), nil
}

// plan is a configuration that was read, and how it differs from what runs.
type plan struct {
	setup *Setup
	file  string
	rules []route.Rule

	now       *state
	providers []*providerStep
	endpoints []*endpointStep
	others    []status.Step
}

// providerStep is a step of one provider.
type providerStep struct {
	status.Step
	now  *running // nil if there is none
	want config.Provider
}

// endpointStep is a step of one endpoint.
type endpointStep struct {
	status.Step
	now    *entry // nil if there is none
	want   config.Endpoint
	origin string // of the endpoint afterwards
	// open is set if the plugin must be told; again if it has refused the endpoint
	// until now, so that no process has it.
	open, again bool
}

// read reads a configuration and asks the binaries that it names.
func (h *Host) read(ctx context.Context, file string) (*plan, error) {
	if file == "" {
		file = h.path
	}
	if file == "" {
		return nil, invalid("the host was not started with a file; name one")
	}
	setup, err := loadKnown(ctx, file, h.opts, h.state.Load().manifests())
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		setup.Close()
		return nil, unusable(file, err)
	}
	rules, err := rules(setup.Config.Routes)
	if err != nil {
		setup.Close()
		return nil, unusable(file, err)
	}
	return &plan{setup: setup, file: file, rules: rules}, nil
}

// unusable is the error for a configuration that changes nothing, since it has
// mistakes. They are told as they are at the start.
func unusable(file string, err error) *provider.Error {
	text := err.Error()
	var wrong *config.Error
	if errors.As(err, &wrong) {
		var b strings.Builder
		if wrong.Diagnostics.Write(&b, false) == nil {
			text = strings.TrimSpace(b.String())
		}
	}
	return invalid("%s cannot be used, and nothing was changed:\n%s%w", file, text, quiet{err})
}

// quiet is the cause of an error that has told it in its own words.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// compare settles what is to be done.
func (p *plan) compare(now *state) {
	p.now = now
	want := p.setup.Config
	for _, cfg := range want.Providers {
		p.providers = append(p.providers, p.compareProvider(cfg))
	}
	for _, name := range slices.Sorted(maps.Keys(now.plugins)) {
		if _, ok := want.Provider(name); !ok {
			p.providers = append(p.providers, &providerStep{Step: step(status.StepProvider, name, status.ActionStop), now: now.plugins[name]})
		}
	}
	for _, cfg := range want.Endpoints {
		p.endpoints = append(p.endpoints, p.compareEndpoint(cfg))
	}
	for _, id := range slices.Sorted(maps.Keys(now.endpoints)) {
		if !slices.ContainsFunc(want.Endpoints, func(e config.Endpoint) bool { return e.ID == id }) {
			p.endpoints = append(p.endpoints, p.compareOther(now.endpoints[id]))
		}
	}
	p.others = slices.Concat(compareRoutes(now.config.Routes, want.Routes), compareServers(now.config, want))
}

func step(kind status.StepKind, name string, action status.Action) status.Step {
	return status.Step{Kind: kind, Name: name, Action: action}
}

// compareProvider holds a provider of the file against the one that runs.
func (p *plan) compareProvider(cfg config.Provider) *providerStep {
	s := &providerStep{Step: step(status.StepProvider, cfg.Name, status.ActionKeep), now: p.now.plugins[cfg.Name], want: cfg}
	found := p.setup.plugins[cfg.Name]
	if found.err != nil {
		s.Problem = found.err.Error()
	}
	switch {
	case s.now == nil:
		s.Action = status.ActionStart
		return s
	case s.now.missing != nil:
		if found.err == nil {
			s.Action, s.Note = status.ActionStart, "it could not run until now"
		}
		return s
	case found.err != nil:
		s.Note = "what runs goes on with its binary and its settings"
		return s
	}
	runs, wanted := s.now.Spec(), found.spec(cfg, p.setup.Config.Server)
	s.Differences = append(diffBinaries(runs, wanted),
		config.DiffProviders(s.now.asRun(), cfg, runs.Manifest.ProviderSettings, found.manifest.ProviderSettings)...)
	needsProcess := slices.ContainsFunc(s.Differences, func(d status.Difference) bool { return config.NeedsProcess(d.Setting) })
	switch {
	case needsProcess, found.binary != nil && !wanted.Same(runs):
		s.Action = status.ActionSwap
	case len(s.Differences) > 0:
		s.Action = status.ActionChange
	case found.binary == nil:
		s.Note = "in development: whether its binary was replaced is not looked at; see 'backplane providers swap'"
	}
	return s
}

// asRun is the provider's configuration with what its process really runs with,
// which is older after a rollback.
func (r *running) asRun() config.Provider {
	cfg, spec := r.config, r.Spec()
	cfg.Settings, cfg.Env, cfg.StartTimeout = spec.Settings, spec.Env, spec.StartTimeout
	cfg.Lifetime = config.Lifetime{Lazy: spec.Lazy, IdleStop: spec.IdleStop, DrainTimeout: spec.DrainTimeout, Trial: spec.Trial}
	return cfg
}

// diffBinaries tells how two binaries differ.
func diffBinaries(runs, wanted plugin.Spec) []status.Difference {
	var found []status.Difference
	for _, d := range []status.Difference{
		{Setting: "version", From: runs.Manifest.Version, To: wanted.Manifest.Version},
		{Setting: "sha256", From: runs.SHA256(), To: wanted.SHA256()},
	} {
		if d.From != d.To {
			found = append(found, d)
		}
	}
	return found
}

// compareEndpoint holds an endpoint of the file against the one there is.
func (p *plan) compareEndpoint(cfg config.Endpoint) *endpointStep {
	s := &endpointStep{Step: step(status.StepEndpoint, cfg.ID, status.ActionKeep), now: p.now.endpoints[cfg.ID], want: cfg, origin: originConfig}
	if s.now == nil {
		s.Action, s.open = status.ActionCreate, true
		return s
	}
	s.Differences = config.DiffEndpoints(s.now.config, cfg, s.now.manifest.Settings, p.manifest(cfg.Provider).Settings)
	switch {
	case s.now.config.Provider != cfg.Provider || p.provider(cfg.Provider).Action == status.ActionStart:
		s.Action, s.open = status.ActionReplace, true
	case s.now.plugin.missing != nil:
		s.Action = status.ActionKeep
		if len(s.Differences) > 0 {
			s.Action = status.ActionReplace
		}
	case len(s.Differences) > 0:
		s.Action, s.open = status.ActionChange, s.now.needsOpen(cfg)
	}
	p.compareRefused(s)
	switch {
	case s.now.origin == originAPI:
		s.Note = "it was created through the admin API; the file's takes its place"
		if s.Action == status.ActionKeep {
			s.Action = status.ActionChange // of where it comes from
		}
	case s.now.patched && s.Action != status.ActionKeep:
		s.Note = "it was changed through the admin API"
	}
	return s
}

// compareRefused settles what becomes of an endpoint that its plugin has refused:
// with other settings, or in another process, it is worth another try.
func (p *plan) compareRefused(s *endpointStep) {
	refused := s.now.refused.Load()
	swapped := p.provider(s.want.Provider).Action == status.ActionSwap
	switch {
	case refused == nil || s.Action == status.ActionReplace:
	case s.open || swapped:
		s.Action, s.open, s.again = status.ActionChange, true, true
		s.Note = "its provider has refused it until now"
	default:
		s.Problem = refused.Message
	}
}

// compareOther settles what becomes of an endpoint that is not in the file.
func (p *plan) compareOther(now *entry) *endpointStep {
	s := &endpointStep{Step: step(status.StepEndpoint, now.config.ID, status.ActionKeep), now: now, want: now.config, origin: now.origin}
	owner := p.provider(now.config.Provider)
	switch {
	case now.origin == originConfig:
		s.Action = status.ActionDelete
	case owner.Action == status.ActionStop:
		s.Action, s.Note = status.ActionDelete, "it was created through the admin API, but its provider goes"
	case owner.Action == status.ActionStart:
		s.Action, s.open = status.ActionReplace, true
	case owner.Action == status.ActionSwap:
		cfg, diags := config.Migrate(now.config, now.manifest, p.manifest(now.config.Provider))
		if schema.HasErrors(diags) {
			owner.Problem = fmt.Sprintf("endpoint %q, which was created through the admin API, does not fit the new version: %s", s.Name, schema.Join(diags))
			return s
		}
		s.want, s.open = cfg, now.needsOpen(cfg)
		s.Differences = config.DiffEndpoints(now.config, cfg, now.manifest.Settings, p.manifest(cfg.Provider).Settings)
		if s.open {
			s.Action = status.ActionChange
		}
	default:
		s.Note = "it was created through the admin API and stays"
	}
	return s
}

// provider finds a provider's step. Every endpoint's provider has one.
func (p *plan) provider(name string) *providerStep {
	i := slices.IndexFunc(p.providers, func(s *providerStep) bool { return s.Name == name })
	if i < 0 {
		return &providerStep{}
	}
	return p.providers[i]
}

// manifest is the one by which a provider's settings were read.
func (p *plan) manifest(name string) provider.Manifest {
	if found, ok := p.setup.plugins[name]; ok && found.err == nil {
		return found.manifest
	}
	if now := p.now.plugins[name]; now != nil && now.missing == nil {
		return now.Manifest()
	}
	return provider.Manifest{}
}

// public is the plan as it is told.
func (p *plan) public() status.Plan {
	told := status.Plan{File: p.file, Steps: []status.Step{}}
	for _, s := range p.providers {
		told.Steps = append(told.Steps, s.Step)
	}
	for _, s := range p.endpoints {
		told.Steps = append(told.Steps, s.Step)
	}
	told.Steps = append(told.Steps, p.others...)
	for _, d := range p.setup.Diagnostics {
		told.Warnings = append(told.Warnings, d.String())
	}
	return told
}
