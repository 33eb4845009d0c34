// Command backplane-provider-hf-tgi is the provider plugin for Text Generation
// Inference.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
