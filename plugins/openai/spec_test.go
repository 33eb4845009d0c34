package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

// openAISpec is OpenAI's own description of its API, where that is at hand.
var openAISpec = sync.OnceValue(func() *plugintest.Spec { return plugintest.LoadSpec("openai/openapi.yaml") })

func TestTheDescriptionTellsWrongRequestsFromRightOnes(t *testing.T) {
	t.Parallel()
	if !openAISpec().There() {
		t.Skip("OpenAI's description is not beside the repository")
	}
	for _, tt := range []struct {
		path, contentType, body string
		right                   bool
	}{
		{"/chat/completions", "application/json", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, true},
		{"/chat/completions", "application/json", `{"model":"m"}`, false},
		{"/chat/completions", "application/json", `{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":"high"}`, false},
		{"/audio/translations", formType, string(formOf("file", "mp3", "audio/mpeg", "model", "whisper-1")), true},
		{"/audio/translations", formType, string(formOf("file", "mp3", "audio/mpeg", "language", "en")), false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x"+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tt.contentType)
		if err := openAISpec().RequestError(t, r, []byte(tt.body)); (err == nil) != tt.right {
			t.Errorf("%s %s: got %v", tt.path, tt.body, err)
		}
	}
}
