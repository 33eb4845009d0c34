package provider

import "github.com/backplane-dev/backplane/sdk/schema"

// Manifest says what a plugin is and can do. It is what `describe` prints and
// what the host decides on; nothing in it depends on configuration.
type Manifest struct {
	// Name is the provider's name in configurations, and the suffix of its
	// binary: backplane-provider-<name>. Lower-case letters, digits and dashes.
	Name string `json:"name"`
	// Version of the plugin, semantic ("1.2.3").
	Version string `json:"version"`
	// Description is one sentence.
	Description string `json:"description,omitempty"`
	Homepage    string `json:"homepage,omitempty"`
	License     string `json:"license,omitempty"`

	// SDK, Protocols and Capabilities are filled in by the SDK.
	SDK          string   `json:"sdk,omitempty"`
	Protocols    []int    `json:"protocols,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`

	// Operations lists all that endpoints of this provider can do.
	Operations []Operation `json:"operations"`
	// Settings is the schema of an endpoint's settings block.
	Settings schema.Object `json:"settings"`
	// ProviderSettings is the schema of the provider block's settings, for
	// what the whole process needs. See [Configurer].
	ProviderSettings schema.Object `json:"provider_settings"`
	// Credential says which key an endpoint needs.
	Credential Credential `json:"credential"`
	// Models says which models the provider serves.
	Models Models `json:"models"`
	// ForwardHeaders names request headers, in lower case, that the host passes
	// on from the caller (for example "openai-beta"). Never authorization.
	ForwardHeaders []string `json:"forward_headers,omitempty"`
	// Limits bound what the plugin takes.
	Limits Limits `json:"limits"`
	// Exclusive is true if two processes of this plugin must not run at once.
	Exclusive bool `json:"exclusive,omitempty"`
}

// Operation finds a declared operation by name.
func (m *Manifest) Operation(name string) (Operation, bool) {
	for _, op := range m.Operations {
		if op.Name == name {
			return op, true
		}
	}
	return Operation{}, false
}

// Operation is one thing that an endpoint can do.
type Operation struct {
	// Name, one of the well-known ones (OpChat, ...) or the provider's own:
	// lower-case words joined by dots and underscores.
	Name string `json:"name"`
	// Modes in which it can be called.
	Modes []Mode `json:"modes"`
	// Unsafe is true if repeating the operation can do harm (it creates
	// something). The host repeats such a request only if it was never sent.
	Unsafe bool `json:"unsafe,omitempty"`
	// Model is used by the operation where neither request nor endpoint names
	// one; "" means [Models.Default]. Set it where that default, which is a
	// model for chat, would be of no use.
	Model string `json:"model,omitempty"`
	// Description is one sentence.
	Description string `json:"description,omitempty"`
}

// DefaultModel is the model for an operation where neither request nor endpoint
// names one, "" if there is none.
func (m *Manifest) DefaultModel(operation string) string {
	if op, ok := m.Operation(operation); ok && op.Model != "" {
		return op.Model
	}
	return m.Models.Default
}

// Has reports whether the operation can be called in the given mode.
func (o Operation) Has(m Mode) bool {
	for _, mode := range o.Modes {
		if mode == m {
			return true
		}
	}
	return false
}

// Mode is a way to call an operation.
type Mode string

// The modes: one body in and one out; one body in and chunks out; bytes in and
// bytes out.
const (
	ModeCall     Mode = "call"
	ModeStream   Mode = "stream"
	ModeTransfer Mode = "transfer"
)

// The well-known operations. Their bodies have OpenAI's JSON shapes, rerank
// Cohere's and Jina's.
const (
	OpChat               = "chat"
	OpCompletions        = "completions"
	OpEmbeddings         = "embeddings"
	OpRerank             = "rerank"
	OpModels             = "models"
	OpResponses          = "responses"
	OpModerations        = "moderations"
	OpImagesGenerate     = "images.generate"
	OpImagesEdit         = "images.edit"
	OpAudioSpeech        = "audio.speech"
	OpAudioTranscription = "audio.transcription"
	OpAudioTranslation   = "audio.translation"
	OpFilesUpload        = "files.upload"
	OpFilesList          = "files.list"
	OpFilesGet           = "files.get"
	OpFilesContent       = "files.content"
	OpFilesDelete        = "files.delete"
	OpBatchesCreate      = "batches.create"
	OpBatchesList        = "batches.list"
	OpBatchesGet         = "batches.get"
	OpBatchesCancel      = "batches.cancel"
)

// Credential describes the key of a provider's endpoints.
type Credential struct {
	// Env names the environment variables that the host looks at, in order, if
	// the configuration has no api_key.
	Env []string `json:"env,omitempty"`
	// Required is true if no call can succeed without a key.
	Required bool `json:"required,omitempty"`
}

// Models describes the models of a provider as data, so that a request can be
// routed by its model name without asking the plugin.
type Models struct {
	// Default is used when neither request nor endpoint names a model and the
	// operation has no default of its own.
	Default string `json:"default,omitempty"`
	// Patterns match the model names that the provider serves: exact names or
	// globs with * and ?, without regard to case.
	Patterns []string `json:"patterns,omitempty"`
}

// Limits bound what a plugin takes. Zero means the SDK's default.
type Limits struct {
	// MaxRequestBytes is the largest request body (default 32 MiB).
	MaxRequestBytes int64 `json:"max_request_bytes,omitempty"`
	// MaxResponseBytes is the largest whole answer (default 64 MiB); streams
	// and transfers are not bounded by it.
	MaxResponseBytes int64 `json:"max_response_bytes,omitempty"`
	// MaxConcurrent is the number of calls the plugin can work on at once;
	// 0 for no limit of its own.
	MaxConcurrent int `json:"max_concurrent,omitempty"`
}
