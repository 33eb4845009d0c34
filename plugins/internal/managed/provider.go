package managed

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// The operations that are added.
const (
	OpStart   = "server.start"
	OpStop    = "server.stop"
	OpRestart = "server.restart"
	OpStatus  = "server.status"
	OpLogs    = "server.logs"
)

// opHealth is the wrapped provider's own question for health.
const opHealth = "health"

var (
	call       = []provider.Mode{provider.ModeCall}
	callStream = []provider.Mode{provider.ModeCall, provider.ModeStream}
)

var operations = []provider.Operation{
	{Name: OpStart, Modes: callStream, Description: "Starts the server; as a stream it tells how far that is."},
	{Name: OpStop, Modes: call, Description: "Stops the server, until it is started again by server.start."},
	{Name: OpRestart, Modes: callStream, Unsafe: true, Description: "Stops the server and starts it again."},
	{Name: OpStatus, Modes: call, Description: "Says what the server is doing."},
	{Name: OpLogs, Modes: call, Description: "Returns the last lines that the server printed."},
}

// New wraps a provider whose endpoints have the setting base_url and the
// operation health.
func New(inner provider.Provider, family Family) provider.Provider {
	p := &managing{inner: inner, family: family, manifest: inner.Describe()}
	p.manifest.Settings.Blocks = append(slices.Clone(p.manifest.Settings.Blocks), family.block())
	p.manifest.Operations = append(slices.Clone(p.manifest.Operations), operations...)
	return p
}

type managing struct {
	inner    provider.Provider
	family   Family
	manifest provider.Manifest
	pool     pool
}

// Describe implements [provider.Provider].
func (p *managing) Describe() provider.Manifest { return p.manifest }

// Open implements [provider.Provider].
func (p *managing) Open(ctx context.Context, in provider.EndpointConfig) (provider.Endpoint, error) {
	settings, cfg, err := p.family.split(in.Settings)
	if err != nil {
		return nil, err
	}
	own := in
	own.Settings = settings
	e := &endpoint{id: in.ID, alias: p.family.Alias}
	if cfg.Mode != modeAttach && e.alias != "" {
		e.started = cmpText(cfg.Model, in.Model)
	}
	if e.started != "" && in.Model == e.started {
		own.Model = e.alias
	}
	if e.inner, err = p.inner.Open(ctx, own); err != nil {
		return nil, err
	}
	if err := p.attach(ctx, e, &cfg, in); err != nil {
		_ = e.Close() // it was not used
		return nil, err
	}
	return e.typed(), nil
}

// attach gives the endpoint its server.
func (p *managing) attach(ctx context.Context, e *endpoint, cfg *config, in provider.EndpointConfig) error {
	var common struct {
		BaseURL string `json:"base_url"`
		Hosted  bool   `json:"hosted"`
	}
	if err := json.Unmarshal(in.Settings.JSON(), &common); err != nil {
		return err
	}
	if cfg.Mode == modeAttach {
		e.server = newExternal(common.BaseURL, common.Hosted, cfg, e.health)
		return nil
	}
	if common.Hosted {
		return mistake("server.mode", "No server to start",
			"The model is hosted: there is no server to start. Remove \"hosted\", or set \"mode\" to \"attach\".")
	}
	spec, err := p.family.newSpec(cfg, common.BaseURL, in.Model)
	if err != nil {
		return err
	}
	s, err := p.pool.open(e.id, spec, cfg, p.family.Health)
	if err != nil {
		return err
	}
	e.server = &local{server: s, close: func() { p.pool.close(e.id, s) }}
	s.takeOver(ctx)
	if cfg.Autostart == startOpen {
		s.start()
	}
	return nil
}
