// Command backplane-provider-openai-mini is the provider plugin for any server
// that speaks OpenAI's dialect.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
