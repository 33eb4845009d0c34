package main

import (
	"context"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// version of the plugin.
const version = "0.1.0"

// The provider's own operations.
const (
	opGenerate = "generate"
	opTokens   = "tokens.count"
)

// Models that are used where neither request nor endpoint names one. The default
// of the manifest is for chat and of no use for embeddings.
const (
	defaultModel          = "gemini-2.5-flash"
	defaultEmbeddingModel = "gemini-embedding-001"
)

// New makes the provider for Gemini.
func New() provider.Provider { return gemini{} }

// gemini has no state of its own: all that a call needs is in its endpoint.
type gemini struct{}

// Describe implements [provider.Provider].
func (gemini) Describe() provider.Manifest {
	call := []provider.Mode{provider.ModeCall}
	both := []provider.Mode{provider.ModeCall, provider.ModeStream}
	return provider.Manifest{
		Name:        dialect.Name,
		Version:     dialect.Version,
		Description: "Google's Gemini models: chat with tools, images and schemas, embeddings, token counts and raw requests.",
		Homepage:    "https://ai.google.dev/gemini-api/docs",
		License:     "Apache-2.0",
		Operations: []provider.Operation{
			{Name: provider.OpChat, Modes: both, Description: "Answers a conversation."},
			{Name: opGenerate, Modes: both, Description: "Answers a request in Gemini's own form, byte for byte."},
			{Name: provider.OpEmbeddings, Modes: call, Model: defaultEmbeddingModel, Description: "Turns texts into vectors."},
			{Name: opTokens, Modes: call, Description: "Counts the tokens of a conversation."},
			{Name: provider.OpModels, Modes: call, Description: "Lists the models."},
		},
		Settings:   settings(),
		Credential: provider.Credential{Env: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}, Required: true},
		Models: provider.Models{
			Default: defaultModel,
			Patterns: []string{
				"gemini-*", "gemma-*", "learnlm-*", "models/*", "tunedModels/*", "text-embedding-004", "embedding-001",
			},
		},
	}
}

// Open implements [provider.Provider].
func (gemini) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	conn, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	return &endpoint{connection: conn, model: cfg.Model, key: !cfg.Credential.IsZero()}, nil
}

var (
	_ provider.Chatter      = (*endpoint)(nil)
	_ provider.ChatStreamer = (*endpoint)(nil)
	_ provider.Embedder     = (*endpoint)(nil)
	_ provider.ModelLister  = (*endpoint)(nil)
	_ provider.Caller       = (*endpoint)(nil)
	_ provider.Streamer     = (*endpoint)(nil)
	_ provider.Tester       = (*endpoint)(nil)
)
