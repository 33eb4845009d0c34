// Command backplane-provider-llvm is the provider plugin for servers that speak
// the LLVM inference protocol; its README is the protocol's description.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
