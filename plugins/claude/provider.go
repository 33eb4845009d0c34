package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// The operations beside the well-known ones.
const (
	opMessages    = "messages"
	opCountTokens = "tokens.count"
)

// dialect holds what connects to the service: the translation is this package's.
var dialect = openaicompat.Dialect{
	Name:       "claude",
	Version:    "0.1.0",
	BaseURL:    platformURL,
	BaseURLEnv: []string{"ANTHROPIC_BASE_URL"},
	Auth:       openaicompat.Auth{Header: "X-Api-Key"},
	Settings:   settings,
	Classify:   classify,
}

// New makes the provider.
func New() provider.Provider { return claude{} }

type claude struct{}

// Describe implements [provider.Provider]. The key is not declared as required:
// a token takes its place at a gateway, and servers of one's own need neither.
func (claude) Describe() provider.Manifest {
	call, stream := provider.ModeCall, provider.ModeStream
	return provider.Manifest{
		Name:        dialect.Name,
		Version:     dialect.Version,
		Description: "Chat with Anthropic's Claude, translated to its Messages API, and that API as it is.",
		Operations: append([]provider.Operation{
			{Name: provider.OpChat, Modes: []provider.Mode{call, stream}, Description: "Chat completion, translated."},
			{Name: opMessages, Modes: []provider.Mode{call, stream}, Description: "Anthropic's own body and events."},
			{Name: opCountTokens, Modes: []provider.Mode{call}, Description: "Input tokens of a chat request."},
			{Name: provider.OpModels, Modes: []provider.Mode{call}, Description: "The models that the key may use."},
		}, batchOperations()...),
		Settings:       schemaOfSettings(),
		Credential:     provider.Credential{Env: []string{"ANTHROPIC_API_KEY"}},
		Models:         provider.Models{Default: defaultModel, Patterns: []string{"claude-*"}},
		ForwardHeaders: []string{"anthropic-beta"},
	}
}

// schemaOfSettings says what is particular about the address: clients of
// Anthropic's write it without the version.
func schemaOfSettings() schema.Object {
	o := dialect.Schema()
	for i := range o.Attributes {
		if o.Attributes[i].Name == "base_url" {
			o.Attributes[i].Description = "Address of the service, with or without /v1 at its end."
		}
	}
	return o
}

// Open implements [provider.Provider].
func (claude) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	conn, err := dialect.Connect(cfg)
	if err != nil {
		return nil, err
	}
	e := &endpoint{Connection: *conn, model: cfg.Model, key: cfg.Credential}
	if err := conn.Own.Decode(&e.own); err != nil {
		return nil, err
	}
	var where struct {
		BaseURL string `json:"base_url"`
	}
	if err := json.Unmarshal(cfg.Settings.JSON(), &where); err != nil {
		return nil, fmt.Errorf("decode settings: %w", err)
	}
	e.platform = strings.HasPrefix(where.BaseURL, platformURL)
	e.versioned = strings.HasSuffix(strings.TrimRight(where.BaseURL, "/"), version)
	if !printable(e.own.AuthToken.Reveal()) {
		return nil, &provider.ConfigError{Diagnostics: []schema.Diagnostic{{
			Path: "auth_token", Summary: "Invalid value", Detail: `"auth_token" is sent as a header and must not contain control characters.`,
		}}}
	}
	if !e.own.AuthToken.IsZero() {
		e.Header.Set("Authorization", "Bearer "+e.own.AuthToken.Reveal())
	}
	return e, nil
}
