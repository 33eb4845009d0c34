package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
)

// testKey has the form of Groq's keys.
const testKey = "gsk_Abc123Abc123Abc123Abc123Abc123"

// fake answers as Groq's own description says, which it also holds all requests
// and its own answers against.
type fake struct {
	*plugintest.Service
	spec *plugintest.Spec
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{spec: plugintest.LoadSpec("groq/openapi.yaml")}
	f.Service = plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) { f.answer(t, w, r) },
		func(r *http.Request, body []byte) { f.spec.CheckRequest(t, r, body) })
	return f
}

// answers are the files for a method and path.
var answers = map[string]string{
	"POST /chat/completions":           "chat.json",
	"POST /audio/transcriptions":       "transcription.json",
	"POST /audio/translations":         "transcription.json",
	"GET /models":                      "models.json",
	"GET /models/openai%2Fgpt-oss-20b": "model.json",
}

func (f *fake) answer(t testing.TB, w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("x-request-id", "req_groq")
	h.Set("x-groq-region", "dmm")
	h.Set("x-ratelimit-limit-requests", "14400")
	h.Set("x-ratelimit-remaining-requests", "14370")
	h.Set("x-ratelimit-reset-requests", "2m59.56s")
	h.Set("x-ratelimit-limit-tokens", "18000")
	h.Set("x-ratelimit-remaining-tokens", "17997")
	h.Set("x-ratelimit-reset-tokens", "7.66s")
	line := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/openai/v1")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch {
	case line == "POST /audio/speech":
		plugintest.Write(w, http.StatusOK, "audio/wav", "RIFF\x00\xffWAVE")
	case answers[line] == "":
		http.NotFound(w, r)
	case plugintest.WantsStream(body):
		var parts []string
		for part := range strings.SplitAfterSeq(string(plugintest.Testdata(t, "chat.sse")), "\n\n") {
			parts = append(parts, part)
		}
		plugintest.WriteParts(w, "text/event-stream", parts...)
	default:
		data := plugintest.Testdata(t, answers[line])
		f.spec.CheckAnswer(t, r, "application/json", data)
		plugintest.Write(w, http.StatusOK, "application/json", string(data))
	}
}

func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url + "/openai/v1"}, testKey)
}
