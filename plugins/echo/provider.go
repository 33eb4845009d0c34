package main

import (
	"context"

	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const defaultModel = "echo"

// New returns the echo provider.
func New() provider.Provider { return echo{} }

// echo has no state of its own: all that a call needs is in its endpoint.
type echo struct{}

// Describe implements [provider.Provider].
func (echo) Describe() provider.Manifest {
	both := []provider.Mode{provider.ModeCall, provider.ModeStream}
	call := []provider.Mode{provider.ModeCall}
	return provider.Manifest{
		Name:        "echo",
		Version:     sdk.Version,
		Description: "Answers with the prompt's own words; a sample that can also be slow, fail and crash.",
		Homepage:    "https://github.com/backplane-dev/backplane/tree/main/plugins/echo",
		License:     "Apache-2.0",
		Operations: []provider.Operation{
			{Name: provider.OpChat, Modes: both, Description: "Say the last message's words back, or call a tool with them."},
			{Name: provider.OpCompletions, Modes: both, Description: "Say the prompt's words back."},
			{Name: provider.OpEmbeddings, Modes: call, Description: "Unit vectors that depend on nothing but the text."},
			{Name: provider.OpModels, Modes: call, Description: "List the configured models."},
		},
		Settings: settings,
		Models:   provider.Models{Default: defaultModel, Patterns: []string{"echo*"}},
	}
}

// Open implements [provider.Provider].
func (echo) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	settings, err := newConfig(cfg.Settings)
	if err != nil {
		return nil, err
	}
	return &endpoint{config: settings, model: cfg.Model, faults: newFaults(settings)}, nil
}

// endpoint is an opened endpoint. What it can do is shown by the interfaces
// that it implements: chat and embeddings are typed, completions raw, so that
// both ways can be seen here. It is safe for concurrent use.
type endpoint struct {
	config
	model  string // the endpoint's model, "" if it has none
	faults *faults
}

var (
	_ provider.Chatter      = (*endpoint)(nil)
	_ provider.ChatStreamer = (*endpoint)(nil)
	_ provider.Caller       = (*endpoint)(nil)
	_ provider.Streamer     = (*endpoint)(nil)
	_ provider.Embedder     = (*endpoint)(nil)
	_ provider.ModelLister  = (*endpoint)(nil)
)

// ListModels implements [provider.ModelLister].
func (e *endpoint) ListModels(context.Context, *provider.Request) (*provider.ModelList, error) {
	list := &provider.ModelList{}
	for _, name := range e.Models {
		list.Data = append(list.Data, provider.Model{ID: name, OwnedBy: "backplane"})
	}
	return list, nil
}

// invalid is the error for a mistake in the request's body; param names the
// field at fault.
func invalid(param, format string, args ...any) error {
	err := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	err.Param = param
	err.Source = provider.SourceCaller
	return err
}
