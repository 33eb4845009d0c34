// Command backplane-provider-hf-tei is the provider plugin for Text Embeddings
// Inference.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
