package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheFakesEventsFitTheDescription(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"message", "tools", "foreign"} {
		for line := range strings.Lines(string(plugintest.Testdata(t, "streams/"+name+".sse"))) {
			event, ok := strings.CutPrefix(line, "data: ")
			if !ok {
				continue
			}
			if err := spec().SchemaError("MessageStreamEvent", []byte(event)); err != nil {
				t.Errorf("%s: %s: %.500s", name, event, err)
			}
		}
	}
}

func TestTheDescriptionTellsWrongRequestsFromRightOnes(t *testing.T) {
	t.Parallel()
	if !spec().There() {
		t.Skip("the description is not beside the repository")
	}
	for _, tt := range []struct {
		path, body string
		right      bool
	}{
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`, true},
		{pathMessages, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"system","content":"hi"}]}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[],"seed":7}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[],"temperature":1.5}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`, false},
		{pathCount, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, true},
		{pathCount, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`, false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x"+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if err := spec().RequestError(t, r, []byte(tt.body)); (err == nil) != tt.right {
			t.Errorf("%s %s: got %v", tt.path, tt.body, err)
		}
	}
}
