// Command backplane-provider-ovms is the provider plugin for OpenVINO Model
// Server.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
