package vllm

import (
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// meanings are texts of vLLM's errors that say more than their status and type.
var meanings = []struct {
	status int
	text   string
	code   provider.Code
}{
	{400, "maximum context length", provider.CodeTooLarge},
	{400, "longer than the maximum model length", provider.CodeTooLarge},
	{400, "has already been loaded", provider.CodeConflict},
	{400, "does not support", provider.CodeUnsupported},
	{429, "queue is full", provider.CodeOverloaded},
	{503, "overloaded", provider.CodeOverloaded},
}

// classify looks at the text of an error: its code is the status once more.
func classify(e *provider.Error) {
	for _, m := range meanings {
		if (e.StatusCode == m.status || e.StatusCode == 0) && strings.Contains(e.Message, m.text) {
			e.Code = m.code
			return
		}
	}
}
