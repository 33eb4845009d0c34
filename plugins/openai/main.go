// Command backplane-provider-openai is the provider plugin for the OpenAI
// platform.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
