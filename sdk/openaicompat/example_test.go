package openaicompat_test

import (
	"fmt"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// A service with a key header of its own, an older name for a field, a version
// in the URL, and a word for "no money" that OpenAI does not use.
func ExampleNew() {
	chat := openaicompat.Standard(provider.OpChat)[0]
	chat.Path = "/v2/chat"
	chat.Rename = map[string]string{"max_completion_tokens": "max_tokens", "service_tier": ""}

	p := openaicompat.New(openaicompat.Dialect{
		Name:       "acme",
		Version:    "1.0.0",
		BaseURL:    "https://api.acme.example",
		Auth:       openaicompat.Auth{Header: "X-Acme-Key"},
		Credential: provider.Credential{Env: []string{"ACME_API_KEY"}, Required: true},
		Models:     provider.Models{Default: "acme-1", Patterns: []string{"acme-*"}},
		Operations: append([]openaicompat.Operation{chat}, openaicompat.Standard(provider.OpModels)...),
		Settings: []openaicompat.Setting{{
			Attribute: schema.Attribute{Name: "api_version", Type: schema.String, Default: "2026-01", Description: "Version of the API."},
			Query:     "api-version",
		}},
		Codes: map[string]provider.Code{"wallet_empty": provider.CodeQuota},
	})
	for _, op := range p.Describe().Operations {
		fmt.Println(op.Name, op.Modes)
	}
	// Output:
	// chat [call stream]
	// models [call]
}
