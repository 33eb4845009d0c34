package config

import (
	"fmt"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Resolve reads the plugins' settings by the schemas in their manifests, by
// provider name, and resolves credentials. The settings of a provider without a
// manifest, because its plugin could not be asked, are left empty: saying so is
// the caller's part.
//
// The diagnostics are all there are about the file, those of [Parse] included.
// The configuration is nil if any of them is an error.
func (f *File) Resolve(manifests map[string]provider.Manifest) (*Config, Diagnostics) {
	f.problems = f.problems[:f.parsed:f.parsed]
	f.resolved = make(map[string]*section)
	cfg := f.config
	cfg.Providers = f.Providers()
	for i, s := range f.providers {
		if m, ok := manifests[s.label]; ok {
			cfg.Providers[i].Settings = f.readSettings(s, m.ProviderSettings)
		} else {
			f.skipSettings(s)
		}
	}
	for _, s := range f.endpoints {
		cfg.Endpoints = append(cfg.Endpoints, f.readEndpoint(s, &cfg, manifests))
	}
	diags := f.diagnostics()
	if diags.HasErrors() {
		return nil, diags
	}
	return &cfg, diags
}

func (f *File) readEndpoint(s *section, cfg *Config, manifests map[string]provider.Manifest) Endpoint {
	name := s.str("provider")
	p, ok := cfg.Provider(name)
	if !ok {
		p.Defaults.Policy = DefaultPolicy() // the unknown provider has been reported
	}
	e := p.newEndpoint(s.label)
	e.Provider = name
	if model := s.str("model"); model != "" {
		e.Model = model
	}
	f.decodeRaw(s, &e.Policy)
	f.checkPolicy(s, &e.Policy, &p.Defaults.Policy)
	m, ok := manifests[name]
	if ok {
		e.Settings = f.readSettings(s, m.Settings)
	} else {
		f.skipSettings(s)
	}
	e.APIKey = resolveKey(secretIn(s.values["api_key"]), p.Defaults.APIKey, m.Credential, f.env)
	if e.APIKey.IsZero() && m.Credential.Required && !s.isBroken("api_key") {
		f.warnAt(s, "api_key", s.header, "No credential", missingKey(name, m.Credential))
	}
	return e
}

// secretIn returns a string as a secret, nil if v is none.
func secretIn(v any) *provider.Secret {
	text, ok := v.(string)
	if !ok {
		return nil
	}
	secret := provider.NewSecret(text)
	return &secret
}

// readSettings decodes and checks the settings block of a section.
func (f *File) readSettings(s *section, o schema.Object) provider.Settings {
	t := newSection(s.title, s.header)
	f.resolved[s.title] = t
	values := make(map[string]any)
	if s.settings != nil {
		t.places[settingsBlock] = place{s.settings.TypeRange, s.settings.DefRange()}
		d := &decoder{ctx: f.ctx, file: f}
		values = d.decode(t, s.settings.Body, o, settingsBlock)
	}
	used := fillFromEnv(o, settingsBlock, values, f.env)
	for path := range used {
		t.external[path] = true
	}
	before := len(f.problems)
	raw := f.check(t, o, settingsBlock, values)
	for i := before; i < len(f.problems); i++ {
		p := &f.problems[i]
		if name, ok := used[p.path]; ok {
			p.detail += fromVariable(name)
		} else if s.settings == nil && strings.HasPrefix(p.summary, "Missing") {
			p.detail += " It goes into a block settings { ... }."
		}
	}
	return provider.NewSettings(raw)
}

// skipSettings hides a settings block of which no schema is known.
func (f *File) skipSettings(s *section) {
	if s.settings != nil {
		f.maskBody(s.settings.Body)
	}
}

// newEndpoint returns an endpoint with what it inherits from the provider's
// block. Its key is not resolved yet.
func (p Provider) newEndpoint(id string) Endpoint {
	return Endpoint{ID: id, Provider: p.Name, Model: p.Defaults.Model, Policy: p.Defaults.Policy}
}

// resolveKey chooses an endpoint's credential: its own, else the provider
// block's, else the first variable of the manifest that is set. A key that is
// given but empty is a choice too: no credential.
func resolveKey(own, inherited *provider.Secret, c provider.Credential, env LookupEnv) provider.Secret {
	if own != nil {
		return *own
	}
	if inherited != nil {
		return *inherited
	}
	for _, name := range c.Env {
		if value, ok := env.get(name); ok && value != "" {
			return provider.NewSecret(strings.TrimSpace(value))
		}
	}
	return provider.Secret{}
}

// missingKey says how to give a provider the key that it needs.
func missingKey(name string, c provider.Credential) string {
	how := "write api_key = file(\"path\") or api_key = env(\"NAME\")"
	if len(c.Env) > 0 {
		how = "set the environment variable " + strings.Join(c.Env, " or ") + ", or " + how
	}
	return fmt.Sprintf("The provider %q needs a key and there is none, so calls will fail: %s.", name, how)
}

func fromVariable(name string) string {
	return fmt.Sprintf(" The value comes from the environment variable %s.", name)
}
