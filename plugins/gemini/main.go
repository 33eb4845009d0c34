// Command backplane-provider-gemini is the provider plugin for Google's Gemini
// models, by the Generative Language API.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
