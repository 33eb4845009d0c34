package tgi

import (
	"net/http"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

var call = []provider.Mode{provider.ModeCall}

// native are the server's operations beside OpenAI's.
func native() []openaicompat.Operation {
	return []openaicompat.Operation{
		{
			Name: "chat_tokenize", Modes: call, Path: "/chat_tokenize", Rename: renamed, Request: chatRequest,
			Raw: true, Answer: hf.IsJSON, Description: "Shows the prompt that a conversation becomes, and its tokens.",
		},
		{
			Name: "tokenize", Modes: call, Path: "/tokenize", NoModel: true, Rename: map[string]string{"model": ""},
			Raw: true, Answer: hf.IsJSON, Description: "Splits a text into tokens.",
		},
		get(provider.OpModels, "/v1/models", "Lists the model that the server was started with.", listOfModels),
		get("info", "/info", "Describes the model and the limits of the server.", hf.IsJSON),
		get("health", "/health", "Asks whether the server can answer.", hf.IsHealthy),
		get("metrics", "/metrics", "Returns the server's counters as Prometheus reads them.", nil),
	}
}

func get(name, path, what string, answer func(*provider.Response) error) openaicompat.Operation {
	return openaicompat.Operation{
		Name: name, Modes: call, Method: http.MethodGet, Path: path, NoModel: true, Raw: true, Answer: answer, Description: what,
	}
}
