package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
)

// A key as Anthropic makes them, and one that no pattern recognises.
const (
	testKey  = "sk-ant-api03-Abc123Abc123Abc123"
	plainKey = "correct horse battery staple"
)

const typeSSE = "text/event-stream"

// spec is Anthropic's description of its API, where that is at hand.
var spec = sync.OnceValue(func() *plugintest.Spec { return plugintest.LoadSpec("anthropic/openapi.subset.json") })

// newPlatform starts a fake of Anthropic's API, written from its description,
// against which it holds requests and its own answers. It answers messages with
// the named file in testdata/answers, or in testdata/streams.
func newPlatform(t testing.TB, answer string) *plugintest.Service {
	t.Helper()
	return plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		name := answer
		switch r.URL.Path {
		case pathCount:
			name = "count"
		case pathModels:
			name = "models1"
			if r.URL.Query().Get("after_id") != "" {
				name = "models2"
			}
		}
		h := w.Header()
		h.Set("request-id", "req_platform")
		h.Set("anthropic-ratelimit-requests-limit", "50")
		h.Set("anthropic-ratelimit-requests-remaining", "49")
		if body, err := io.ReadAll(r.Body); err == nil && plugintest.WantsStream(body) {
			recorded := string(plugintest.Testdata(t, "streams/"+name+".sse"))
			plugintest.WriteParts(w, typeSSE+"; charset=utf-8", strings.SplitAfter(recorded, "\n\n")...)
			return
		}
		data := plugintest.Testdata(t, "answers/"+name+".json")
		spec().CheckAnswer(t, r, "application/json", data)
		plugintest.Write(w, http.StatusOK, "application/json", string(data))
	}, func(r *http.Request, body []byte) {
		spec().CheckRequest(t, r, body)
		if r.Header.Get("Anthropic-Version") == "" {
			t.Error("there is no anthropic-version")
		}
	})
}

// say answers every request with the same.
func say(t testing.TB, contentType, body string) string {
	t.Helper()
	return plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, contentType, body)
	})
}

// open serves the plugin over the real wire, with an endpoint "e" at url.
func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return openWith(t, url, testKey, nil)
}

// openWith is open with a key and settings of its own.
func openWith(t testing.TB, url, key string, settings plugintest.Settings) *client.Conn {
	t.Helper()
	all := plugintest.Settings{"base_url": url}
	for name, value := range settings {
		all[name] = value
	}
	return plugintest.Open(t, New(), all, key)
}

// decode reads JSON with its numbers as they are.
func decode(t testing.TB, text string, v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
