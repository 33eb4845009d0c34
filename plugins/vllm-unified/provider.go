package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/vllm"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// version of the plugin.
const version = "0.1.0"

// family is how vLLM is started.
var family = managed.Family{
	Command:   []string{"vllm", "serve", "{model}", "--host", "{host}", "--port", "{port}"},
	Image:     "vllm/vllm-openai:latest",
	Arguments: []string{"--model", "{model}", "--host", "{host}", "--port", "{port}"},
	Port:      8000,
	ImageEnv:  []string{"VLLM_CONTAINER_IMAGE"},
	GPUEnv:    []string{"VLLM_CONTAINER_GPU"},
	Health:    "/health",
}

// New makes the provider for a vLLM server that runs by itself, or that is
// started here.
func New() provider.Provider {
	d := vllm.Dialect("vllm-unified", version)
	d.Description = "A vLLM server that can also be started, watched and stopped here, as a process or a container."
	return managed.New(openaicompat.New(d), family)
}
