// Command backplane-provider-claude is the provider plugin for Anthropic's
// Messages API.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
