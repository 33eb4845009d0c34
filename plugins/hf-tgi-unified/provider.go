package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/hf/tgi"
	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// family is how the server is started.
var family = managed.Family{
	Command:   []string{"text-generation-launcher", "--model-id", "{model}", "--hostname", "{host}", "--port", "{port}"},
	Image:     "ghcr.io/huggingface/text-generation-inference:latest",
	Arguments: []string{"--model-id", "{model}", "--hostname", "{host}", "--port", "{port}"},
	Port:      80,
	Alias:     "tgi",
	Health:    "/health",
}

// New makes the provider for hosted models, for a server that runs by itself,
// and for one that is started here.
func New() provider.Provider {
	return managed.New(tgi.New(tgi.Options{
		Name:        "hf-tgi-unified",
		Version:     "0.1.0",
		Description: "Text Generation Inference, hosted or on a server that can also be started, watched and stopped here.",
	}), family)
}
