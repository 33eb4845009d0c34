// Command backplane-provider-hf-tei-unified is the provider plugin for Text
// Embeddings Inference, hosted, running by itself, or started here.
package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/sdk"
)

func main() {
	managed.Keep() // a keeper of a server is the same program, started anew
	sdk.Serve(New())
}
