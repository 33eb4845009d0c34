package openaicompat

import (
	"fmt"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

var (
	call       = []provider.Mode{provider.ModeCall}
	callStream = []provider.Mode{provider.ModeCall, provider.ModeStream}
	transfer   = []provider.Mode{provider.ModeTransfer}
)

// standard are OpenAI's operations, and rerank as its relatives have it.
var standard = []Operation{
	{
		Name: provider.OpChat, Modes: callStream, Path: "/chat/completions", StreamUsage: true,
		Description: "Answers a conversation.",
	},
	{
		Name: provider.OpCompletions, Modes: callStream, Path: "/completions", StreamUsage: true,
		Description: "Continues a text.",
	},
	{
		Name: provider.OpResponses, Modes: callStream, Path: "/responses", Events: Named,
		Description: "Answers with text, tool calls and built-in tools.",
	},
	{
		Name: provider.OpEmbeddings, Modes: call, Path: "/embeddings",
		Description: "Turns texts into vectors.",
	},
	{
		Name: provider.OpRerank, Modes: call, Path: "/rerank",
		Description: "Orders documents by their relevance to a query.",
	},
	{
		Name: provider.OpModerations, Modes: call, Path: "/moderations",
		Description: "Classifies harmful content.",
	},
	{
		Name: provider.OpModels, Modes: call, Method: http.MethodGet, Path: "/models", NoModel: true,
		Description: "Lists the models.",
	},
	{
		Name: provider.OpImagesGenerate, Modes: callStream, Path: "/images/generations", Events: Named,
		Description: "Makes images from a prompt.",
	},
	{
		Name: provider.OpImagesEdit, Modes: transfer, Path: "/images/edits", Upload: "image",
		Description: "Changes images by a prompt.",
	},
	{
		Name: provider.OpAudioSpeech, Modes: transfer, Path: "/audio/speech",
		Description: "Speaks a text.",
	},
	{
		Name: provider.OpAudioTranscription, Modes: transfer, Path: "/audio/transcriptions", Upload: "file",
		Description: "Writes down what is said.",
	},
	{
		Name: provider.OpAudioTranslation, Modes: transfer, Path: "/audio/translations", Upload: "file",
		Description: "Writes down in English what is said.",
	},
	{
		Name: provider.OpFilesUpload, Modes: transfer, Path: "/files", Upload: "file", NoModel: true, Unsafe: true,
		Description: "Stores a file.",
	},
	{
		Name: provider.OpFilesList, Modes: call, Method: http.MethodGet, Path: "/files", NoModel: true,
		Description: "Lists the stored files.",
	},
	{
		Name: provider.OpFilesGet, Modes: call, Method: http.MethodGet, Path: "/files/{file_id}", NoModel: true,
		Description: "Describes a stored file.",
	},
	{
		Name: provider.OpFilesContent, Modes: transfer, Method: http.MethodGet, Path: "/files/{file_id}/content", NoModel: true, Raw: true,
		Description: "Returns a stored file's bytes.",
	},
	{
		Name: provider.OpFilesDelete, Modes: call, Method: http.MethodDelete, Path: "/files/{file_id}", NoModel: true,
		Description: "Deletes a stored file.",
	},
	{
		Name: provider.OpBatchesCreate, Modes: call, Path: "/batches", NoModel: true, Unsafe: true,
		Description: "Starts a batch from an uploaded file.",
	},
	{
		Name: provider.OpBatchesList, Modes: call, Method: http.MethodGet, Path: "/batches", NoModel: true,
		Description: "Lists the batches.",
	},
	{
		Name: provider.OpBatchesGet, Modes: call, Method: http.MethodGet, Path: "/batches/{batch_id}", NoModel: true,
		Description: "Describes a batch.",
	},
	{
		Name: provider.OpBatchesCancel, Modes: call, Path: "/batches/{batch_id}/cancel", NoModel: true,
		Description: "Cancels a batch.",
	},
}

// Standard returns well-known operations as OpenAI has them, to be changed where
// a service differs. It panics at a name that is none of them.
func Standard(names ...string) []Operation {
	ops := make([]Operation, 0, len(names))
	for _, name := range names {
		op, ok := standardOperation(name)
		if !ok {
			panic(fmt.Sprintf("openaicompat: %q is not a well-known operation", name))
		}
		ops = append(ops, op)
	}
	return ops
}

func standardOperation(name string) (Operation, bool) {
	for _, op := range standard {
		if op.Name == name {
			return op, true
		}
	}
	return Operation{}, false
}
