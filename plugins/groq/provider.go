package main

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// version of the plugin.
const version = "0.1.0"

// New makes the provider for Groq.
func New() provider.Provider {
	return openaicompat.New(openaicompat.Dialect{
		Name:           "groq",
		Version:        version,
		Description:    "Groq's cloud: chat, transcription, translation and speech.",
		Homepage:       "https://console.groq.com/docs",
		License:        "Apache-2.0",
		BaseURL:        "https://api.groq.com/openai/v1",
		Credential:     provider.Credential{Env: []string{"GROQ_API_KEY"}, Required: true},
		Operations:     operations(),
		Models:         models,
		ForwardHeaders: []string{"groq-model-version"},
		ReturnHeaders:  []string{"x-groq-region"},
		Codes:          codes,
		Classify:       classify,
		Reasoning:      "reasoning",
		Messages:       foreign,
		NoStreamUsage:  true, // it comes unasked, in x_groq of the last chunk
	})
}

// models are the names that Groq serves.
var models = provider.Models{
	Default: "llama-3.3-70b-versatile",
	Patterns: []string{
		"llama-*", "llama3-*-8192", "meta-llama/*", "openai/gpt-oss-*", "qwen/*", "moonshotai/*", "gemma2-*", "groq/*", "compound-beta*",
		"allam-*", "deepseek-r1-distill-*", "mistral-saba-*", "whisper-large-v3*", "distil-whisper-*", "canopylabs/*", "playai-tts*",
	},
}

// operationModels are used where neither the request nor the endpoint names a
// model.
var operationModels = map[string]string{
	provider.OpAudioTranscription: "whisper-large-v3-turbo",
	provider.OpAudioTranslation:   "whisper-large-v3",
	provider.OpAudioSpeech:        "canopylabs/orpheus-v1-english",
}

func operations() []openaicompat.Operation {
	ops := openaicompat.Standard(
		provider.OpChat, provider.OpAudioTranscription, provider.OpAudioTranslation, provider.OpAudioSpeech, provider.OpModels,
	)
	for i := range ops {
		ops[i].Model = operationModels[ops[i].Name]
		if ops[i].Name == provider.OpChat {
			ops[i].Rename = hints
			ops[i].Request = openaicompat.RefuseFields(refused...)
		}
	}
	model := openaicompat.Operation{
		Name: "models.get", Modes: []provider.Mode{provider.ModeCall}, Method: "GET", Path: "/models/{model}", NoModel: true,
		Description: "Describes a model.",
	}
	return append(ops, model)
}
