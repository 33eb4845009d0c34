// Command backplane-provider-vllm-unified is the provider plugin for vLLM servers
// that it can start and watch by itself.
package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/sdk"
)

func main() {
	managed.Keep() // a keeper of a server is the same program, started anew
	sdk.Serve(New())
}
