package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// manifests are what the fixtures' plugins would say: echo with no settings at
// all, openai with a key, acme with a setting of every kind.
var manifests = map[string]provider.Manifest{
	"echo": {Name: "echo"},
	"openai": {Name: "openai", Credential: provider.Credential{Env: []string{"OPENAI_API_KEY"}, Required: true},
		Settings: schema.Object{Attributes: []schema.Attribute{{Name: "base_url", Type: schema.String, Default: "https://api.openai.com/v1"}}}},
	"acme": {
		Name:       "acme",
		Credential: provider.Credential{Env: []string{"ACME_KEY_1", "ACME_KEY_2"}},
		ProviderSettings: schema.Object{Attributes: []schema.Attribute{
			{Name: "cache", Type: schema.Size, Default: "1MiB"},
		}},
		Settings: schema.Object{
			Attributes: []schema.Attribute{
				{Name: "base_url", Type: schema.String, Default: "https://acme.example"},
				{Name: "region", Type: schema.String, Required: true, OneOf: []string{"eu", "us"}},
				{Name: "token", Type: schema.String, Sensitive: true, Pattern: "tok-.*"},
				{Name: "workers", Type: schema.Int, Env: []string{"ACME_WORKERS"}, Max: schema.Bound(64)},
				{Name: "retries", Type: schema.Int, Deprecated: "use the block retry of the endpoint"},
				{Name: "tags", Type: schema.StringList},
				{Name: "headers", Type: schema.StringMap},
			},
			Blocks: []schema.Block{
				{Name: "tls", Object: schema.Object{Attributes: []schema.Attribute{{Name: "ca_file", Type: schema.String}}}},
				{Name: "replica", Multiple: true, Object: schema.Object{Attributes: []schema.Attribute{
					{Name: "url", Type: schema.String, Required: true}, {Name: "weight", Type: schema.Int, Default: 1},
				}}},
				{Name: "limits", Object: schema.Object{Attributes: []schema.Attribute{
					{Name: "rate", Type: schema.Number, Env: []string{"ACME_RATE"}, Max: schema.Bound(10)},
				}}},
			},
		},
	},
}

// environment is what the fixtures find in the host's environment.
func environment(name string) (string, bool) {
	v, ok := map[string]string{
		"ACME_API_KEY": "key-from-variable", "ACME_KEY_1": "", "ACME_KEY_2": "second-key", "ACME_TIMEOUT": "soon", "ACME_RATE": "11",
		"HTTPS_PROXY": "http://proxy:3128", "HOME": "/root", "OPENAI_KEY_FOR_TESTS": "sk-from-variable",
	}[name]
	return v, ok
}

// load reads a fixture as the host does.
func load(t *testing.T, path string, env config.LookupEnv) (*config.File, *config.Config, config.Diagnostics) {
	t.Helper()
	f, diags := config.Load(path, env)
	if f == nil {
		return nil, nil, diags
	}
	cfg, diags := f.Resolve(manifests)
	return f, cfg, diags
}

func TestEachRuleSaysWhatIsWrongAndWhatToWrite(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.bad.hcl")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			_, cfg, diags := load(t, path, environment)
			if diags.HasErrors() != (cfg == nil) {
				t.Errorf("errors %v, but configuration %v", diags.HasErrors(), cfg != nil)
			}
			var got bytes.Buffer
			if err := diags.Write(&got, false); err != nil {
				t.Fatal(err)
			}
			compare(t, strings.TrimSuffix(path, ".hcl")+".txt", got.Bytes())
		})
	}
}

func compare(t *testing.T, golden string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNoFixtureShowsASecret(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.bad.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		_, _, diags := load(t, path, environment)
		var text bytes.Buffer
		if err := diags.Write(&text, true); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"hunter2", "8675309", "key-from-variable", "second-key", "sk-from"} {
			if strings.Contains(text.String(), secret) {
				t.Errorf("%s shows %q:\n%s", path, secret, text.String())
			}
		}
	}
}

func TestGoodFilesHaveNothingToSayAbout(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.good.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	env := func(name string) (string, bool) {
		if name == "OPENAI_API_KEY" {
			return "sk-found", true
		}
		return environment(name)
	}
	for _, path := range files {
		if _, cfg, diags := load(t, path, env); len(diags) > 0 || cfg == nil {
			t.Errorf("%s: %v", path, diags)
		}
	}
}
