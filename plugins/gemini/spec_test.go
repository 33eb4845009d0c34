package main

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

// description is that of the API, in a form that refuses unknown fields.
var description = sync.OnceValue(func() *plugintest.Spec { return plugintest.LoadSpec("gemini/openapi.strict.json") })

// described returns a request as the description names it, without the version.
func described(r *http.Request) *http.Request {
	clone := r.Clone(r.Context())
	clone.URL.Path = strings.TrimPrefix(r.URL.Path, "/v1beta")
	return clone
}

// checkEvent fails the test if the service would not send such an event.
func checkEvent(t testing.TB, event []byte) {
	t.Helper()
	data, ok := bytes.CutPrefix(bytes.TrimSpace(event), []byte("data: "))
	if !ok {
		return
	}
	description().CheckAnswer(t, generateCall(t), "application/json", data)
}

// generateCall is a call of generateContent without its body.
func generateCall(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/models/m:generateContent", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestTheDescriptionTellsWrongRequestsFromRightOnes(t *testing.T) {
	t.Parallel()
	if !description().There() {
		t.Skip("the description is not beside the repository")
	}
	for body, right := range map[string]bool{
		`{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`:                               true,
		`{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"topK":3}}`: true,
		`{"generationConfig":{}}`:                                                                       false,
		`{"contents":[],"messages":[]}`:                                                                 false,
		`{"contents":[{"role":"user","parts":[{"text":["hi"]}]}]}`:                                      false,
		`{"contents":[{"role":"user","parts":[{"type":"text"}]}]}`:                                      false,
		`{"contents":[{"role":"user","parts":[]}],"generationConfig":{"max_tokens":3}}`:                 false,
		`{"contents":[{"parts":[]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]}`:                 false,
		`{"contents":[{"parts":[]}],"toolConfig":{"functionCallingConfig":{"mode":"auto"}}}`:            false,
		`{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"responseSchema":{"type":"str"}}}`: false,
	} {
		if err := description().RequestError(t, generateCall(t), []byte(body)); (err == nil) != right {
			t.Errorf("%s: got %v", body, err)
		}
	}
}
