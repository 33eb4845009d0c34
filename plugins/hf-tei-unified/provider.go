package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/hf/tei"
	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// family is how the server is started.
var family = managed.Family{
	Command:   []string{"text-embeddings-router", "--model-id", "{model}", "--hostname", "{host}", "--port", "{port}"},
	Image:     "ghcr.io/huggingface/text-embeddings-inference:cpu-latest",
	Arguments: []string{"--model-id", "{model}", "--hostname", "{host}", "--port", "{port}"},
	Port:      80,
	Health:    "/health",
}

// New makes the provider for hosted models, for a server that runs by itself,
// and for one that is started here.
func New() provider.Provider {
	return managed.New(tei.New(tei.Options{
		Name:        "hf-tei-unified",
		Version:     "0.1.0",
		Description: "Text Embeddings Inference, hosted or on a server that can also be started, watched and stopped here.",
		Hosted:      true,
	}), family)
}
