package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

// FuzzStream looks for streams on which the translation panics, hangs, or takes
// half an answer for a whole one.
func FuzzStream(f *testing.F) {
	settings := func(url string) plugintest.Settings { return plugintest.Settings{"base_url": url} }
	plugintest.FuzzChatStream(f, New(), "", settings, lines,
		[]byte(`{"model":"m","created_at":"2026-11-23T07:06:04Z","message":{"role":"assistant","content":"Hi","thinking":"Hm"},"done":false}
{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"index":0,"name":"f","arguments":{"a":1}}}]},"done":false}
{"model":"m","message":{"role":"assistant","content":""},"logprobs":[{"token":"a","logprob":-1}],"done":false}
{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":1,"prompt_eval_count":3,"eval_count":2}
`), []byte("{\"error\":\"it broke\"}\n"), []byte("{\"done\":true,\"done_reason\":\"load\"}\n"))
}
