// Command backplane-provider-ollama-clean is the provider plugin for Ollama's API
// in OpenAI's dialect.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
