package main

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Defaults of the settings.
const (
	platformURL      = "https://api.anthropic.com"
	defaultVersion   = "2023-06-01"
	defaultMaxTokens = 4096
	defaultModel     = "claude-sonnet-4-5"
)

// Ways to ask for thinking, the values of the setting "thinking".
const (
	thinkAuto     = "auto"
	thinkBudget   = "budget"
	thinkAdaptive = "adaptive"
)

// settings are those beside the address, headers, timeouts and proxy that every
// provider has.
var settings = []openaicompat.Setting{
	{
		Attribute: schema.Attribute{
			Name: "anthropic_version", Type: schema.String, Default: defaultVersion,
			Description: "Version of the API, sent as the header anthropic-version.",
		},
		Header: "Anthropic-Version",
	},
	{Attribute: schema.Attribute{
		Name: "anthropic_beta", Type: schema.StringList,
		Description: "Beta features of every request. Those that a caller names in the header anthropic-beta are added.",
	}},
	{Attribute: schema.Attribute{
		Name: "auth_token", Type: schema.String, Sensitive: true, Env: []string{"ANTHROPIC_AUTH_TOKEN"},
		Description: "Token that is sent as Authorization: Bearer, beside the key if there is one; for gateways.",
	}},
	{Attribute: schema.Attribute{
		Name: "max_tokens", Type: schema.Int, Default: defaultMaxTokens, Min: schema.Bound(1),
		Description: "Longest answer where a chat request does not say one, which the API requires.",
	}},
	{Attribute: schema.Attribute{
		Name: "thinking", Type: schema.String, Default: thinkAuto, OneOf: []string{thinkAuto, thinkBudget, thinkAdaptive},
		Description: "How reasoning_effort is asked for: as a budget of tokens, as adaptive thinking with an effort, or by the model's name.",
	}},
	{Attribute: schema.Attribute{
		Name: "drop_unsupported", Type: schema.Bool, Default: false,
		Description: "Leave out parameters of a chat request that Claude does not have, such as presence_penalty, instead of refusing the request.",
	}},
}

// ownSettings are the settings above, decoded.
type ownSettings struct {
	Version         string          `json:"anthropic_version"`
	Beta            []string        `json:"anthropic_beta"`
	AuthToken       provider.Secret `json:"auth_token"`
	MaxTokens       int             `json:"max_tokens"`
	Thinking        string          `json:"thinking"`
	DropUnsupported bool            `json:"drop_unsupported"`
}
