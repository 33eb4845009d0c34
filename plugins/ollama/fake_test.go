package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

const lines = "application/x-ndjson"

// fakeOllama answers as Ollama's own description says, with the last message or
// the prompt said back.
func fakeOllama(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model    string          `json:"model"`
		Stream   bool            `json:"stream"`
		Prompt   string          `json:"prompt"`
		Input    json.RawMessage `json:"input"`
		Messages []message       `json:"messages"`
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_ = json.Unmarshal(data, &body) // not JSON: an empty body
	said := body.Prompt
	if n := len(body.Messages); n > 0 {
		said = body.Messages[n-1].Content
	}
	said = said[:min(len(said), 200)]
	const counts = `"done_reason":"stop","total_duration":5,"load_duration":1,"prompt_eval_count":3,"prompt_eval_duration":1,"eval_count":2,"eval_duration":2`
	part := func(text string, done bool, rest string) string {
		quoted, _ := json.Marshal(text) // a text always encodes
		head := fmt.Sprintf(`{"model":%q,"created_at":"2026-01-01T00:00:00Z",`, body.Model)
		if r.URL.Path == "/api/chat" {
			return head + fmt.Sprintf(`"message":{"role":"assistant","content":%s},"done":%t%s}`, quoted, done, rest)
		}
		return head + fmt.Sprintf(`"response":%s,"done":%t%s}`, quoted, done, rest)
	}
	switch path := strings.TrimPrefix(r.URL.Path, "/api"); {
	case (path == "/chat" || path == "/generate") && body.Stream:
		var parts []string
		for _, word := range strings.SplitAfter(said, " ") {
			parts = append(parts, part(word, false, "")+"\n")
		}
		plugintest.WriteParts(w, lines, append(parts, part("", true, ","+counts)+"\n")...)
	case path == "/chat", path == "/generate":
		plugintest.Write(w, http.StatusOK, "application/json; charset=utf-8", part(said, true, ","+counts))
	case path == "/pull" && body.Stream:
		plugintest.WriteParts(w, lines, "{\"status\":\"pulling manifest\"}\n",
			"{\"status\":\"pulling 00e1317cbf74\",\"digest\":\"sha256:00e1\",\"total\":100,\"completed\":40}\n", "{\"status\":\"success\"}\n")
	case path == "/copy", path == "/delete":
		w.WriteHeader(http.StatusOK)
	default:
		plugintest.Write(w, http.StatusOK, "application/json; charset=utf-8", map[string]string{
			"/embed":   `{"model":"m","embeddings":[[0.5,-0.5]],"total_duration":5,"load_duration":1,"prompt_eval_count":3}`,
			"/tags":    `{"models":[{"name":"m:latest","model":"m:latest","modified_at":"2026-01-01T00:00:00Z","size":7,"digest":"d","details":{"family":"llama"}}]}`,
			"/ps":      `{"models":[{"name":"m:latest","model":"m:latest","size":7,"size_vram":0}]}`,
			"/show":    `{"template":"{{ .Prompt }}","details":{"family":"llama"},"capabilities":["completion"],"model_info":{}}`,
			"/pull":    `{"status":"success"}`,
			"/version": `{"version":"0.24.0"}`,
		}[path])
	}
}

// profile tells the kit how Ollama speaks.
func profile() providertest.Profile {
	sample := func(op string, mode provider.Mode, body, want string) providertest.Sample {
		return providertest.Sample{Operation: op, Mode: mode, Body: body, Want: []string{want}}
	}
	return providertest.Profile{
		Service: &providertest.Service{
			Handler:    http.HandlerFunc(fakeOllama),
			Translated: true,
			Usage:      provider.Usage{Input: 3, Output: 2, Total: 5},
			Error: func(_ int, message string) (contentType, body string) {
				text, _ := json.Marshal(message) // a text always encodes
				return "application/json; charset=utf-8", `{"error":` + string(text) + `}`
			},
			StreamError: "{\"error\":\"llama runner process has terminated\"}\n",
		},
		Samples: []providertest.Sample{
			sample("generate", provider.ModeCall, `{"model":"{{model}}","prompt":"{{prompt}}"}`, `{{prompt}}`),
			sample("generate", provider.ModeStream, `{"model":"{{model}}","prompt":"{{prompt}}"}`, `"done":true`),
			sample("show", provider.ModeCall, `{"model":"{{model}}"}`, `"template"`),
			sample("ps", provider.ModeCall, `{}`, `m:latest`),
			sample("pull", provider.ModeCall, `{"model":"{{model}}"}`, `success`),
			sample("pull", provider.ModeStream, `{"model":"{{model}}"}`, `"completed":40`),
			sample("copy", provider.ModeCall, `{"source":"a","destination":"b"}`, `success`),
			sample("delete", provider.ModeCall, `{"model":"{{model}}"}`, `success`),
			sample("version", provider.ModeCall, `{}`, `0.24.0`),
		},
	}
}

func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": strings.TrimPrefix(url, "http://")}, "")
}

// newFake starts the fake and holds what it gets against Ollama's description.
func newFake(t testing.TB) *plugintest.Service {
	t.Helper()
	spec := plugintest.LoadSpec("ollama/openapi.yaml")
	return plugintest.NewService(t, fakeOllama, func(r *http.Request, body []byte) { spec.CheckRequest(t, r, body) })
}
