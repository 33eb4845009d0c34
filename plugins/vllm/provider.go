package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/vllm"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// version of the plugin.
const version = "0.1.0"

// New makes the provider for a vLLM server that runs by itself.
func New() provider.Provider { return openaicompat.New(vllm.Dialect("vllm", version)) }
