package main

import (
	"github.com/backplane-dev/backplane/plugins/internal/ollama"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// dialect says how the server is reached; of OpenAI's protocol nothing is used.
var dialect = openaicompat.Dialect{
	Name:       "ollama",
	Version:    version,
	BaseURL:    "http://localhost:11434",
	BaseURLEnv: []string{"OLLAMA_HOST"},
	Address:    func(text string) string { return ollama.Address(text, "") },
	Classify:   ollama.Classify,
	Settings: []openaicompat.Setting{
		{Attribute: schema.Attribute{
			Name: "keep_alive", Type: schema.String,
			Description: `How long models stay in memory after a request that does not say so itself: "10m", "0" to unload at once, "-1" for ever.`,
		}},
		{Attribute: schema.Attribute{
			Name: "num_ctx", Type: schema.Int, Min: schema.Bound(1),
			Description: "Length of the context in tokens, for requests that do not say so themselves.",
		}},
	},
}

// defaults are settings that go into requests which do not have them.
type defaults struct {
	KeepAlive string `json:"keep_alive"`
	NumCtx    int64  `json:"num_ctx"`
}
