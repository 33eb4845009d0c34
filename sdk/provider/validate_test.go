package provider_test

import (
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func sound() provider.Manifest {
	return provider.Manifest{
		Name: "my-service", Version: "1.2.3-rc.1+build",
		Operations: []provider.Operation{
			{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}},
			{Name: "images.generate", Modes: []provider.Mode{provider.ModeCall}},
			{Name: "count_tokens", Modes: []provider.Mode{provider.ModeTransfer}},
		},
		Credential:     provider.Credential{Env: []string{"MY_KEY"}},
		Models:         provider.Models{Patterns: []string{"my-*"}},
		ForwardHeaders: []string{"openai-beta"},
		Settings:       schema.Object{Attributes: []schema.Attribute{{Name: "base_url", Type: schema.String}}},
	}
}

func TestASoundManifestIsValid(t *testing.T) {
	t.Parallel()
	if err := sound().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestEachMistakeInAManifestIsNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*provider.Manifest)
		want  string
	}{
		"no name":           {func(m *provider.Manifest) { m.Name = "" }, `name: "" is no provider name; use lower-case letters`},
		"upper-case name":   {func(m *provider.Manifest) { m.Name = "My" }, `name: "My" is no provider name`},
		"dash at the end":   {func(m *provider.Manifest) { m.Name = "my-" }, `name: "my-" is no provider name`},
		"path as name":      {func(m *provider.Manifest) { m.Name = "../x" }, `name: "../x" is no provider name`},
		"no version":        {func(m *provider.Manifest) { m.Version = "" }, `version: "" is no semantic version; use three numbers`},
		"short version":     {func(m *provider.Manifest) { m.Version = "v1.2" }, `version: "v1.2" is no semantic version`},
		"no operation":      {func(m *provider.Manifest) { m.Operations = nil }, "operations: there is none"},
		"operation's name":  {func(m *provider.Manifest) { m.Operations[0].Name = "Chat!" }, `operations: "Chat!" is no operation name`},
		"operation twice":   {func(m *provider.Manifest) { m.Operations[1].Name = "chat" }, `operations: "chat" is declared twice`},
		"no mode":           {func(m *provider.Manifest) { m.Operations[0].Modes = nil }, `operations: "chat" has no mode`},
		"unknown mode":      {func(m *provider.Manifest) { m.Operations[0].Modes[0] = "batch" }, `operations: "chat" has the unknown mode "batch"`},
		"mode twice":        {func(m *provider.Manifest) { m.Operations[0].Modes[1] = "call" }, `operations: "chat" has the mode "call" twice`},
		"caller's key":      {func(m *provider.Manifest) { m.ForwardHeaders[0] = "authorization" }, `forward_headers: "authorization" is never passed on`},
		"our own header":    {func(m *provider.Manifest) { m.ForwardHeaders[0] = "x-backplane-api-key" }, "is never passed on"},
		"upper-case header": {func(m *provider.Manifest) { m.ForwardHeaders[0] = "OpenAI-Beta" }, `forward_headers: "OpenAI-Beta" is no header name in lower case`},
		"variable":          {func(m *provider.Manifest) { m.Credential.Env[0] = "MY KEY" }, `credential: "MY KEY" is no name of an environment variable`},
		"empty pattern":     {func(m *provider.Manifest) { m.Models.Patterns[0] = "" }, "models: a pattern is empty"},
		"negative limit":    {func(m *provider.Manifest) { m.Limits.MaxRequestBytes = -1 }, "limits: max_request_bytes is -1; use 0 for the default"},
		"settings":          {func(m *provider.Manifest) { m.Settings.Attributes[0].Type = "text" }, "settings: "},
		"provider settings": {func(m *provider.Manifest) { m.ProviderSettings.Attributes = []schema.Attribute{{}} }, "provider_settings: "},
	} {
		m := sound()
		test.spoil(&m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, test.want)
		}
	}
}

func TestAllMistakesOfAManifestAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	err := provider.Manifest{ForwardHeaders: []string{"cookie"}}.Validate()
	if err == nil {
		t.Fatal("an empty manifest is valid")
	}
	for _, want := range []string{"name:", "version:", "operations:", "forward_headers:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in %v", want, err)
		}
	}
}
