package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/hf/tgi"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// New makes the provider for a server of one's own and for hosted models.
func New() provider.Provider {
	return tgi.New(tgi.Options{
		Name:        "hf-tgi",
		Version:     "0.1.0",
		Description: "Text Generation Inference: chat, completions and its own generate, with token counts from the server.",
	})
}
