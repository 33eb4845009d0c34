// Command backplane-provider-ollama is the provider plugin for Ollama by its own
// API.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
