// Command backplane-provider-vllm is the provider plugin for vLLM.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
