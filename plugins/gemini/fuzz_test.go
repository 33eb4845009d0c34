package main

import (
	"encoding/json"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// FuzzTranslate looks for requests on which the translation panics or makes
// something that is no JSON object.
func FuzzTranslate(f *testing.F) {
	for _, file := range []string{"requests.json", "refused.json"} {
		var cases []struct{ Request json.RawMessage }
		if err := json.Unmarshal(plugintest.Testdata(f, file), &cases); err != nil {
			f.Fatal(err)
		}
		for _, c := range cases {
			f.Add([]byte(c.Request))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req := &provider.ChatRequest{}
		if json.Unmarshal(body, req) != nil {
			return
		}
		if got, err := translate(req); err == nil && !isObject(got) {
			t.Errorf("made %s of %s", got, body)
		}
	})
}

// FuzzAnswer looks for answers on which the translation panics or makes something
// that is no JSON.
func FuzzAnswer(f *testing.F) {
	for _, file := range []string{"chat", "tools", "two"} {
		f.Add(plugintest.Testdata(f, "answers/"+file+".json"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a generateAnswer
		if json.Unmarshal(body, &a) != nil {
			return
		}
		out, err := a.canonical()
		if err != nil {
			return
		}
		if _, err := json.Marshal(out); err != nil {
			t.Errorf("%v of %s", err, body)
		}
	})
}

// FuzzStream looks for streams on which the translation panics, hangs, or takes
// half an answer for a whole one.
func FuzzStream(f *testing.F) {
	var seeds [][]byte
	for _, name := range []string{"chat", "stop_everywhere", "tools", "two"} {
		seeds = append(seeds, plugintest.Testdata(f, "streams/"+name+".sse"))
	}
	settings := func(url string) plugintest.Settings { return plugintest.Settings{"base_url": url} }
	plugintest.FuzzChatStream(f, New(), testKey, settings, "text/event-stream", seeds...)
}
