package main

import (
	"context"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// The operations beside the well-known ones.
const (
	opInfer      = "infer"
	opInferBatch = "infer.batch"
	opModelInfo  = "model.info"
)

// dialect holds what connects to the server: the translation is this package's.
var dialect = openaicompat.Dialect{
	Name:       "llvm",
	Version:    "0.1.0",
	BaseURL:    "http://localhost:8000",
	BaseURLEnv: []string{"LLVM_BASE_URL"},
	Settings:   settings,
	Classify:   classify,
}

// New makes the provider.
func New() provider.Provider { return llvm{} }

type llvm struct{}

// Describe implements [provider.Provider].
func (llvm) Describe() provider.Manifest {
	call := []provider.Mode{provider.ModeCall}
	return provider.Manifest{
		Name:        dialect.Name,
		Version:     dialect.Version,
		Description: "Servers of one's own that speak the LLVM inference protocol. For vLLM use the provider vllm.",
		License:     "Apache-2.0",
		Operations: []provider.Operation{
			{Name: provider.OpChat, Modes: call, Description: "Answers a conversation, sent as one text."},
			{Name: opInfer, Modes: call, Description: "Runs a model on a text or an object."},
			{Name: opInferBatch, Modes: call, Description: "Runs a model on several texts or objects."},
			{Name: provider.OpModels, Modes: call, Description: "Lists the models."},
			{Name: opModelInfo, Modes: call, Description: "Whether a model is loaded, and what the server says of it."},
		},
		Settings:   dialect.Schema(),
		Credential: provider.Credential{Env: []string{"LLVM_API_KEY"}},
	}
}

// Open implements [provider.Provider].
func (llvm) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	conn, err := dialect.Connect(cfg)
	if err != nil {
		return nil, err
	}
	e := &endpoint{Connection: *conn, model: cfg.Model}
	if err := conn.Own.Decode(&e.own); err != nil {
		return nil, err
	}
	return e, nil
}
