package host

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/internal/hedge"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Where endpoints come from; see [status.Endpoint].
const (
	originConfig = "config"
	originAPI    = "api"
)

// entry is an endpoint as the host knows it. A change of the endpoint makes a
// new entry around the same *endpoint.Endpoint, which keeps queue, breaker and
// numbers; entries are never changed.
type entry struct {
	config   config.Endpoint
	origin   string
	patched  bool // through the API, since it was read from the file
	revision uint64
	manifest provider.Manifest
	// known is where manifest was copied from.
	known    *provider.Manifest
	plugin   *running
	endpoint *endpoint.Endpoint
	models   *modelCache
	tests    tests
	hedge    *hedge.Policy // the same for all its entries
	turn     turn          // to change the endpoint; the same for all its entries
	// refused says why the plugin did not open the endpoint; nil if it did, or
	// has not been asked yet.
	refused *atomic.Pointer[provider.Error]
}

// newEntry makes an entry with a fresh endpoint; the plugin is not told yet.
func (h *Host) newEntry(p *running, cfg config.Endpoint, origin string, revision uint64) *entry {
	e := &entry{config: cfg, origin: origin, revision: revision, plugin: p,
		models: new(modelCache), hedge: hedge.New(cfg.Policy.Hedge), turn: newTurn(), refused: new(atomic.Pointer[provider.Error])}
	if p.missing == nil {
		e.known = p.ManifestNow()
		e.manifest = *e.known
	}
	e.tests = newTests(e.test)
	log := h.log.With("endpoint", cfg.ID)
	e.endpoint = endpoint.New(endpoint.Config{
		ID: cfg.ID, Provider: cfg.Provider, Model: cfg.Model, Revision: revision,
		Manifest: e.manifest, HasKey: !cfg.APIKey.IsZero(), Policy: cfg.Policy,
		Backend: p, Observer: h.metrics,
		OnCircuit: func(t status.Transition) {
			log.Warn("circuit changed", "from", t.From, "to", t.To, "reason", t.Reason)
		},
	})
	return e
}

// changed returns the entry of the same endpoint with another configuration.
func (e *entry) changed(cfg config.Endpoint, revision uint64) *entry {
	next := *e
	next.config, next.revision = cfg, revision
	next.models = new(modelCache)
	next.tests = newTests(next.test)
	next.refused = new(atomic.Pointer[provider.Error])
	return &next
}

// apply has requests from now on go by the entry's configuration.
func (e *entry) apply() {
	e.endpoint.Reconfigure(e.config.Policy, e.config.Model, e.revision)
	e.hedge.Configure(e.config.Policy.Hedge)
	e.endpoint.SetHasKey(!e.config.APIKey.IsZero())
}

// upToDate returns the entry with the manifest of what its provider runs now.
func (e *entry) upToDate() *entry {
	if e.plugin.Provider == nil || e.known == e.plugin.ManifestNow() {
		return e
	}
	next := *e
	next.known = e.plugin.ManifestNow()
	next.manifest = *next.known
	next.models = new(modelCache)
	next.endpoint.SetManifest(next.manifest)
	return &next
}

// open tells the plugin of the endpoint. Where the plugin refuses, requests are
// answered with its words from then on. Where its process does not run, the
// endpoint is opened with the next.
func (e *entry) open(ctx context.Context) error {
	diags, err := e.plugin.OpenEndpoint(ctx, e.pluginConfig())
	what := "does not open it"
	if schema.HasErrors(diags) {
		err, what = &provider.ConfigError{Diagnostics: diags}, "refuses the settings"
	}
	if err != nil && !isUnavailable(err) {
		e.refused.Store(&provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost, Cause: err,
			Message: fmt.Sprintf("endpoint %q is not open, its provider %s: %s", e.config.ID, what, err)})
	}
	return err
}

// pluginConfig is what the plugin is told of the endpoint.
func (e *entry) pluginConfig() provider.EndpointConfig { return pluginConfig(e.config, e.revision) }

func pluginConfig(cfg config.Endpoint, revision uint64) provider.EndpointConfig {
	return provider.EndpointConfig{
		ID: cfg.ID, Revision: revision, Model: cfg.Model, Credential: cfg.APIKey, Settings: cfg.Settings,
	}
}

// unavailable says why the endpoint cannot take any request, nil if it can.
func (e *entry) unavailable() *provider.Error {
	if e.plugin.missing != nil {
		return &provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost,
			Message: fmt.Sprintf("endpoint %q cannot be used: %v", e.config.ID, e.plugin.missing)}
	}
	return e.refused.Load()
}

// status describes the endpoint for the operator, without sensitive settings.
func (e *entry) status() status.Endpoint {
	s := status.Endpoint{
		ID: e.config.ID, Provider: e.config.Provider, Model: e.config.Model, Revision: e.revision,
		Origin: e.origin, HasKey: !e.config.APIKey.IsZero(), Operations: e.manifest.Operations,
		Settings: visible(e.manifest.Settings, e.config.Settings), Policy: e.config.Policy,
		Circuit: e.endpoint.Stats().Circuit.State,
	}
	if problem := e.unavailable(); problem != nil {
		s.Problem = problem.Message
	}
	return s
}

// visible returns the settings without those that the schema calls sensitive.
func visible(o schema.Object, s provider.Settings) map[string]any {
	var values map[string]any
	if json.Unmarshal(s.JSON(), &values) != nil {
		return nil
	}
	hideSensitive(o, values)
	return values
}

func hideSensitive(o schema.Object, values map[string]any) {
	for _, a := range o.Attributes {
		if a.Sensitive {
			delete(values, a.Name)
		}
	}
	for _, b := range o.Blocks {
		switch nested := values[b.Name].(type) {
		case map[string]any:
			hideSensitive(b.Object, nested)
		case []any:
			for _, item := range nested {
				if object, ok := item.(map[string]any); ok {
					hideSensitive(b.Object, object)
				}
			}
		}
	}
}
