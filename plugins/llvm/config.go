package main

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// settings are those beside the address, headers, timeouts and proxy that every
// provider has.
var settings = []openaicompat.Setting{
	{Attribute: schema.Attribute{
		Name: "assistant_cue", Type: schema.Bool, Default: false,
		Description: `End the text that a conversation becomes with the line "assistant:", for models that continue a text.`,
	}},
}

// ownSettings are the settings above, decoded.
type ownSettings struct {
	AssistantCue bool `json:"assistant_cue"`
}
