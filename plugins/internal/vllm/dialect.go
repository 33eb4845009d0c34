package vllm

import (
	"net/http"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Dialect returns what is particular about vLLM, for a provider of the given name
// and version. The caller may change it.
func Dialect(name, version string) openaicompat.Dialect {
	return openaicompat.Dialect{
		Name:            name,
		Version:         version,
		Description:     "A vLLM server: OpenAI's dialect with vLLM's parameters, scores, pooling, tokens, LoRA adapters, metrics.",
		Homepage:        "https://docs.vllm.ai",
		License:         "Apache-2.0",
		BaseURL:         "http://localhost:8000/v1",
		BaseURLEnv:      []string{"VLLM_BASE_URL"},
		Credential:      provider.Credential{Env: []string{"VLLM_API_KEY"}},
		Operations:      append(shared(), own...),
		Reasoning:       "reasoning",
		RequestIDHeader: "X-Request-Id",
		Classify:        classify,
	}
}

// shared are the operations that OpenAI and its relatives have too.
func shared() []openaicompat.Operation {
	return openaicompat.Standard(
		provider.OpChat, provider.OpCompletions, provider.OpResponses, provider.OpEmbeddings, provider.OpRerank,
		provider.OpAudioTranscription, provider.OpAudioTranslation, provider.OpModels,
	)
}

var call = []provider.Mode{provider.ModeCall}

// own are vLLM's own operations. Most lie beside /v1.
var own = []openaicompat.Operation{
	{Name: "score", Modes: call, Path: "/score", AtRoot: true, Description: "Says how well texts belong together."},
	{Name: "pooling", Modes: call, Path: "/pooling", AtRoot: true, Description: "Returns the hidden states of a pooling model."},
	{Name: "classify", Modes: call, Path: "/classify", AtRoot: true, Description: "Sorts texts into the model's classes."},
	{Name: "tokenize", Modes: call, Path: "/tokenize", AtRoot: true, Description: "Turns a prompt or a conversation into tokens."},
	{Name: "detokenize", Modes: call, Path: "/detokenize", AtRoot: true, Description: "Turns tokens into text."},
	{
		Name: "lora.load", Modes: call, Path: "/load_lora_adapter", NoModel: true, Raw: true, Unsafe: true, Answer: done,
		Description: "Loads a LoRA adapter, which is then a model of its name.",
	},
	{
		Name: "lora.unload", Modes: call, Path: "/unload_lora_adapter", NoModel: true, Raw: true, Unsafe: true, Answer: done,
		Description: "Unloads a LoRA adapter.",
	},
	{
		Name: "lora.list", Modes: call, Method: http.MethodGet, Path: "/models", NoModel: true, Raw: true, Answer: adapters,
		Description: "Lists the loaded LoRA adapters.",
	},
	{
		Name: "health", Modes: call, Method: http.MethodGet, Path: "/health", AtRoot: true, NoModel: true, Raw: true, Answer: done,
		Description: "Asks whether the engine is alive.",
	},
	{
		Name: "version", Modes: call, Method: http.MethodGet, Path: "/version", AtRoot: true, NoModel: true,
		Description: "Says the server's version.",
	},
	{
		Name: "metrics", Modes: call, Method: http.MethodGet, Path: "/metrics", AtRoot: true, NoModel: true, Raw: true, Answer: metrics,
		Description: "Returns the server's metrics as JSON: requests running and waiting, cache, tokens.",
	},
}
