package main

import (
	"path"
	"slices"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestEveryModelThatGroqListsIsItsOwn(t *testing.T) {
	t.Parallel()
	serves := func(model string) bool {
		return slices.ContainsFunc(models.Patterns, func(pattern string) bool {
			ok, err := path.Match(pattern, model)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		})
	}
	own := []string{
		"llama-3.3-70b-versatile", "llama-3.1-8b-instant", "llama3-70b-8192", "meta-llama/llama-4-scout-17b-16e-instruct", "meta-llama/llama-guard-4-12b",
		"openai/gpt-oss-120b", "openai/gpt-oss-safeguard-20b", "qwen/qwen3-32b", "moonshotai/kimi-k2-instruct-0905", "gemma2-9b-it", "groq/compound-mini",
		"compound-beta", "deepseek-r1-distill-llama-70b", "mistral-saba-24b", "allam-2-7b", "whisper-large-v3", "distil-whisper-large-v3-en",
		"playai-tts-arabic", "canopylabs/orpheus-v1-english", models.Default,
	}
	for _, model := range operationModels {
		own = append(own, model)
	}
	for _, model := range own {
		if !serves(model) {
			t.Errorf("%s is not matched", model)
		}
	}
	for _, model := range []string{"gpt-4o", "openai/gpt-4o", "llama3", "llama3.2", "claude-sonnet-4-5", "gemini-2.5-flash", "mistral-large", "whisper-1", "echo"} {
		if serves(model) {
			t.Errorf("%s is matched", model)
		}
	}
}

func TestTheAddressAndTheUserAgentCanBeSet(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": f.URL + "/openai/v1", "headers": map[string]string{"User-Agent": "acme/1"}}, testKey)
	if _, err := conn.Call(t.Context(), plugintest.Request(provider.OpModels, `{}`)); err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "GET /openai/v1/models" || sent.Header.Get("User-Agent") != "acme/1" {
		t.Errorf("sent %s as %q", sent.Line(), sent.Header.Get("User-Agent"))
	}
}
