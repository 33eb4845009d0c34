package main

import (
	"context"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// version of the plugin.
const version = "0.1.0"

// New makes the provider for Ollama by its own API.
func New() provider.Provider { return ollamaProvider{} }

type ollamaProvider struct{}

// Describe implements [provider.Provider].
func (ollamaProvider) Describe() provider.Manifest {
	return provider.Manifest{
		Name:        dialect.Name,
		Version:     version,
		Description: "Ollama by its own API: chat, generation, embeddings, and the models on its disk and in its memory.",
		Homepage:    "https://docs.ollama.com/api",
		License:     "Apache-2.0",
		Operations:  operations(),
		Settings:    dialect.Schema(),
		Credential:  provider.Credential{Env: []string{"OLLAMA_API_KEY"}},
	}
}

func operations() []provider.Operation {
	both := []provider.Mode{provider.ModeCall, provider.ModeStream}
	call := both[:1]
	ops := []provider.Operation{
		{Name: provider.OpChat, Modes: both, Description: "Answers a conversation."},
		{Name: provider.OpEmbeddings, Modes: call, Description: "Turns texts into vectors."},
		{Name: provider.OpModels, Modes: call, Description: "Lists the models on the server's disk."},
	}
	for _, op := range native {
		modes := call
		if op.streams {
			modes = both
		}
		ops = append(ops, provider.Operation{Name: op.name, Modes: modes, Unsafe: op.unsafe, Description: op.description})
	}
	return ops
}

// Open implements [provider.Provider].
func (ollamaProvider) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	conn, err := dialect.Connect(cfg)
	if err != nil {
		return nil, err
	}
	e := &endpoint{client: conn.Client, header: conn.Header, model: cfg.Model}
	return e, conn.Own.Decode(&e.defaults)
}

// endpoint is an opened endpoint. It does not change once made.
type endpoint struct {
	client   *rest.Client
	header   http.Header // of all requests, with the endpoint's key
	model    string
	defaults defaults
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

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	e.client.Close()
	return nil
}

// Test implements [provider.Tester]: it asks for the server's version, which
// loads no model.
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	var answer struct {
		Version string `json:"version"`
	}
	_, err := e.call(ctx, req, http.MethodGet, "/api/version", nil, &answer)
	return err
}
