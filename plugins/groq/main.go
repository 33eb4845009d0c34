// Command backplane-provider-groq is the provider plugin for Groq.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
