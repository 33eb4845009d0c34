package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/hf/tei"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// New makes the provider for a server of one's own or a dedicated one.
func New() provider.Provider {
	return tei.New(tei.Options{
		Name:        "hf-tei",
		Version:     "0.1.0",
		Description: "Text Embeddings Inference: embeddings, rerank, classification, and the server's own operations.",
	})
}
