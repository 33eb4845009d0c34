package main

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// version of the plugin.
const version = "0.1.0"

// New makes the provider for a server that speaks OpenAI's dialect, whosever it
// is. What many such servers do not have is not offered.
func New() provider.Provider {
	return openaicompat.New(openaicompat.Dialect{
		Name:        "openai-mini",
		Version:     version,
		Description: "Any server in OpenAI's dialect, with or without a key: chat, completions, embeddings, audio, images, files.",
		Homepage:    "https://platform.openai.com/docs",
		License:     "Apache-2.0",
		BaseURL:     "https://api.openai.com/v1",
		BaseURLEnv:  []string{"OPENAI_BASE_URL"},
		Credential:  provider.Credential{Env: []string{"OPENAI_API_KEY"}},
		Operations:  operations(),
		Models:      provider.Models{Default: "gpt-4o-mini"},
	})
}

// operationModels are OpenAI's, for operations of which the default model is
// none. Servers of one model take any name.
var operationModels = map[string]string{
	provider.OpEmbeddings:         "text-embedding-3-small",
	provider.OpImagesGenerate:     "gpt-image-1",
	provider.OpAudioSpeech:        "gpt-4o-mini-tts",
	provider.OpAudioTranscription: "whisper-1",
	provider.OpAudioTranslation:   "whisper-1",
}

func operations() []openaicompat.Operation {
	ops := openaicompat.Standard(
		provider.OpChat, provider.OpCompletions, provider.OpEmbeddings,
		provider.OpAudioSpeech, provider.OpAudioTranscription, provider.OpAudioTranslation, provider.OpImagesGenerate,
		provider.OpFilesUpload, provider.OpFilesList, provider.OpFilesGet, provider.OpFilesContent, provider.OpFilesDelete,
		provider.OpModels,
	)
	for i := range ops {
		ops[i].Model = operationModels[ops[i].Name]
	}
	return ops
}
