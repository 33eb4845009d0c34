package main

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// version of the plugin.
const version = "0.1.0"

// New makes the provider for the OpenAI platform.
func New() provider.Provider {
	return openaicompat.New(openaicompat.Dialect{
		Name:            "openai",
		Version:         version,
		Description:     "The OpenAI platform: chat, responses, embeddings, moderation, images, audio, files and batches.",
		Homepage:        "https://platform.openai.com/docs",
		License:         "Apache-2.0",
		BaseURL:         "https://api.openai.com/v1",
		BaseURLEnv:      []string{"OPENAI_BASE_URL"},
		Credential:      provider.Credential{Env: []string{"OPENAI_API_KEY"}, Required: true},
		Operations:      operations(),
		Models:          models,
		Settings:        settings,
		ForwardHeaders:  []string{"openai-beta", "idempotency-key"},
		ReturnHeaders:   []string{"openai-processing-ms", "openai-version"},
		RequestIDHeader: "X-Client-Request-Id",
		Codes:           codes,
	})
}

// models are the names that OpenAI serves. Fine-tuned models begin with ft:.
var models = provider.Models{
	Default: "gpt-4o-mini",
	Patterns: []string{
		"gpt-*", "chatgpt-*", "o1", "o1-*", "o3", "o3-*", "o4-*", "ft:*", "codex-*", "computer-use-*",
		"davinci-*", "babbage-*", "text-embedding-*", "omni-moderation-*", "text-moderation-*",
		"dall-e-*", "whisper-*", "tts-*",
	},
}

// operationModels are used where neither the request nor the endpoint names a
// model: the default is a model for chat and of no use to the others.
var operationModels = map[string]string{
	provider.OpEmbeddings:         "text-embedding-3-small",
	provider.OpModerations:        "omni-moderation-latest",
	provider.OpImagesGenerate:     "gpt-image-1",
	provider.OpImagesEdit:         "gpt-image-1",
	provider.OpAudioSpeech:        "gpt-4o-mini-tts",
	provider.OpAudioTranscription: "gpt-4o-mini-transcribe",
	provider.OpAudioTranslation:   "whisper-1",
}

func operations() []openaicompat.Operation {
	ops := openaicompat.Standard(
		provider.OpChat, provider.OpCompletions, provider.OpResponses,
		provider.OpEmbeddings, provider.OpModerations,
		provider.OpImagesGenerate, provider.OpImagesEdit,
		provider.OpAudioSpeech, provider.OpAudioTranscription, provider.OpAudioTranslation,
		provider.OpFilesUpload, provider.OpFilesList, provider.OpFilesGet, provider.OpFilesContent, provider.OpFilesDelete,
		provider.OpBatchesCreate, provider.OpBatchesList, provider.OpBatchesGet, provider.OpBatchesCancel,
		provider.OpModels,
	)
	for i := range ops {
		ops[i].Model = operationModels[ops[i].Name]
	}
	return ops
}

// codes are words of OpenAI's errors that the common ones do not have.
var codes = map[string]provider.Code{
	"account_deactivated":                  provider.CodeAuth,
	"unsupported_country_region_territory": provider.CodePermission,
	"image_content_policy_violation":       provider.CodeContentFilter,
	"cyber_policy":                         provider.CodeContentFilter,
}
