package main

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// settings are those that OpenAI has beside the ones of every service in its
// dialect (base_url, headers, timeouts, proxy).
var settings = []openaicompat.Setting{
	{
		Attribute: schema.Attribute{
			Name: "organization", Type: schema.String, Env: []string{"OPENAI_ORG_ID"},
			Description: "Organization that the requests are counted for, if the key belongs to several.",
		},
		Header: "OpenAI-Organization",
	},
	{
		Attribute: schema.Attribute{
			Name: "project", Type: schema.String, Env: []string{"OPENAI_PROJECT_ID"},
			Description: "Project that the requests are counted for, if the key belongs to several.",
		},
		Header: "OpenAI-Project",
	},
}
