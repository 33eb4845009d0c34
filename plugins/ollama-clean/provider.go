package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/ollama"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// version of the plugin.
const version = "0.1.0"

// New makes the provider for Ollama's API in OpenAI's dialect.
func New() provider.Provider {
	return openaicompat.New(openaicompat.Dialect{
		Name:        "ollama-clean",
		Version:     version,
		Description: "Ollama in OpenAI's dialect: chat, completions, embeddings and models, without management.",
		Homepage:    "https://docs.ollama.com/openai",
		License:     "Apache-2.0",
		BaseURL:     "http://localhost:11434/v1",
		BaseURLEnv:  []string{"OLLAMA_HOST"},
		Address:     func(text string) string { return ollama.Address(text, "/v1") },
		Credential:  provider.Credential{Env: []string{"OLLAMA_CLEAN_API_KEY", "OLLAMA_API_KEY"}},
		Operations:  operations(),
		Reasoning:   "reasoning",
		NoBase64:    true, // known only to newer versions
		Classify:    ollama.Classify,
	})
}

func operations() []openaicompat.Operation {
	ops := openaicompat.Standard(provider.OpChat, provider.OpCompletions, provider.OpEmbeddings, provider.OpModels)
	for i := range ops {
		switch ops[i].Name {
		case provider.OpChat:
			ops[i].Rename = map[string]string{"max_completion_tokens": "max_tokens"}
			ops[i].Request = openaicompat.RefuseFields(ignoredByChat...)
		case provider.OpCompletions:
			ops[i].Request = openaicompat.RefuseFields(ignoredByCompletions...)
		}
	}
	return ops
}

// Fields that Ollama ignores without a word. Whoever sends them expects what
// would not happen.
var (
	ignoredByChat = []openaicompat.Field{
		{Name: "n", Harmless: []string{"1"}, Why: "must be 1: Ollama gives one choice; make several requests"},
		{Name: "logit_bias", Harmless: []string{"{}"}, Why: "is not offered by Ollama; leave it out"},
		{Name: "tool_choice", Harmless: []string{`"auto"`}, Why: `must be "auto": Ollama lets the model choose; leave the tools out if none is to be called`},
		{Name: "parallel_tool_calls", Harmless: []string{"true"}, Why: "must be true: Ollama does not limit the number of calls"},
	}
	ignoredByCompletions = []openaicompat.Field{
		{Name: "n", Harmless: []string{"1"}, Why: "must be 1: Ollama gives one choice; make several requests"},
		{Name: "best_of", Harmless: []string{"1"}, Why: "must be 1: Ollama makes one choice"},
		{Name: "echo", Harmless: []string{"false"}, Why: "is not offered by Ollama; leave it out"},
		{Name: "logit_bias", Harmless: []string{"{}"}, Why: "is not offered by Ollama; leave it out"},
	}
)
