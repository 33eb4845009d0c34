package config_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func resolveFull(t *testing.T) *config.Config {
	t.Helper()
	_, cfg, diags := load(t, "testdata/full.good.hcl", func(name string) (string, bool) {
		if name == "OPENAI_API_KEY" {
			return " sk-found\n", true
		}
		return environment(name)
	})
	if cfg == nil {
		t.Fatal(diags)
	}
	return cfg
}

func endpoint(t *testing.T, cfg *config.Config, id string) config.Endpoint {
	t.Helper()
	for _, e := range cfg.Endpoints {
		if e.ID == id {
			return e
		}
	}
	t.Fatalf("no endpoint %q", id)
	return config.Endpoint{}
}

func TestResolveReadsTheHostsBlocks(t *testing.T) {
	t.Parallel()
	cfg := resolveFull(t)
	wantServer := config.Server{Listen: ":9000", Admin: "off", PluginDir: filepath.FromSlash("testdata/bin"), MaxBodyBytes: 1e6, MaxBufferedBytes: 8e6,
		TenantBy: "header:x-team", HTTPServer: config.HTTPStandard, ShutdownTimeout: 5 * time.Second, LockFile: filepath.FromSlash("testdata/locks/a.hcl"),
		TrustedKeys: []string{strings.Repeat("A", 43) + "="}, Cgroup: "/sys/fs/cgroup/x"}
	if !reflect.DeepEqual(cfg.Server, wantServer) || cfg.LogLevel != "debug" {
		t.Errorf("server %+v, log level %s", cfg.Server, cfg.LogLevel)
	}
	wantRoutes := []config.Route{
		{Pattern: "gpt-*", Endpoints: []string{"keyed", "overrides"}, Balance: config.BalanceOrdered},
		{Pattern: "alias", Endpoints: []string{"inherits", "keyed"}, Model: "acme-xl", Balance: config.BalanceWeighted,
			Weights: map[string]int{"inherits": 3, "keyed": 0}, Sticky: "x-session-id"},
	}
	if !reflect.DeepEqual(cfg.Routes, wantRoutes) {
		t.Errorf("routes %+v", cfg.Routes)
	}
	p, ok := cfg.Provider("acme")
	if !ok || p.Path != filepath.FromSlash("testdata/bin/acme") || p.StartTimeout != 3*time.Second || string(p.Settings.JSON()) != `{"cache":"4MiB"}` {
		t.Errorf("provider %+v, settings %s", p, p.Settings.JSON())
	}
	wantEnv := map[string]string{"TZ": "UTC", "HOME": "/nowhere", "HTTPS_PROXY": "http://proxy:3128"}
	if !reflect.DeepEqual(p.Env, wantEnv) {
		t.Errorf("environment %v, want %v", p.Env, wantEnv)
	}
	if want := (config.Lifetime{Lazy: true, IdleStop: time.Minute, DrainTimeout: 2 * time.Second}); p.Lifetime != want {
		t.Errorf("lifetime %+v", p.Lifetime)
	}
	wantProcess := config.Process{Memory: 1 << 30, CPUs: 1.5, Processes: 10, OpenFiles: 100, User: "acme", Files: config.FilesAny,
		Read: []string{filepath.FromSlash("testdata/models")}, Write: []string{"/var/acme"},
		ConnectPorts: []uint16{443, 8443}, BindPorts: []uint16{}, Required: true}
	if !reflect.DeepEqual(p.Process, wantProcess) {
		t.Errorf("process %+v, want %+v", p.Process, wantProcess)
	}
	if _, ok := cfg.Provider("nobody"); ok {
		t.Error("an unknown provider was found")
	}
}

func TestResolveGivesAFileWithoutBlocksItsDefaults(t *testing.T) {
	t.Parallel()
	_, cfg, diags := load(t, "testdata/minimal.good.hcl", nil)
	if cfg == nil {
		t.Fatal(diags)
	}
	want := config.Server{Listen: "127.0.0.1:8080", Admin: config.DefaultAdminAddr(), PluginDir: config.DefaultPluginDir(), MaxBodyBytes: 32 << 20, MaxBufferedBytes: 256 << 20,
		TenantBy: config.TenantByKey, PriorityHeader: config.DefaultPriorityHeader, HTTPServer: config.HTTPLean, ShutdownTimeout: 30 * time.Second,
		LockFile: filepath.FromSlash("testdata/backplane.lock.hcl"), LockOptional: true}
	if !reflect.DeepEqual(cfg.Server, want) || cfg.LogLevel != "info" {
		t.Errorf("got %+v, %s", cfg.Server, cfg.LogLevel)
	}
	e := endpoint(t, cfg, "fast")
	if !reflect.DeepEqual(e.Policy, config.DefaultPolicy()) || e.Model != "" || !e.APIKey.IsZero() || string(e.Settings.JSON()) != "{}" {
		t.Errorf("got %+v", e)
	}
	if p := cfg.Providers[0]; p.StartTimeout != 10*time.Second || p.Path != "" || len(p.Env) != 0 || p.Defaults.APIKey != nil {
		t.Errorf("got %+v", p)
	}
}

func TestMemoryForBodiesIsForTwoOfTheLargestByDefault(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		`server {}`:                           256 << 20,
		`server { max_body_size = "128MiB" }`: 256 << 20,
		`server { max_body_size = "129MiB" }`: 258 << 20,
		"server {\n max_body_size = \"1MiB\"\n max_buffered_size = \"2MiB\"\n}": 2 << 20,
	} {
		f, diags := config.Parse("test.hcl", []byte(text), nil)
		if len(diags) > 0 || f == nil {
			t.Fatal(diags)
		}
		if got := f.Server().MaxBufferedBytes; got != want {
			t.Errorf("%s: %d bytes, want %d", text, got, want)
		}
	}
}

func TestEndpointsInheritFromTheirProvidersBlock(t *testing.T) {
	t.Parallel()
	e := endpoint(t, resolveFull(t), "inherits")
	want := config.DefaultPolicy()
	want.Timeout, want.Queue.Size, want.Queue.MaxBytes, want.Retry.Max = 10*time.Second, 7, 1024, 9
	want.Limits.RequestsPerMinute = 600
	want.Limits.Models = []config.ModelLimits{{Name: "acme-large", TokensPerMinute: 1000}, {Name: "acme-*", RequestsPerMinute: 60}}
	if !reflect.DeepEqual(e.Policy, want) {
		t.Errorf("policy\n%+v, want\n%+v", e.Policy, want)
	}
	if e.Model != "acme-large" || e.APIKey.Reveal() != "key-from-variable" {
		t.Errorf("model %q, key %q", e.Model, e.APIKey.Reveal())
	}
	if got := string(e.Settings.JSON()); got != `{"base_url":"https://acme.example","region":"us"}` {
		t.Errorf("settings %s", got)
	}
}

func TestEndpointsCanSetEveryValueToZero(t *testing.T) {
	t.Parallel()
	e := endpoint(t, resolveFull(t), "overrides")
	want := config.Policy{
		AttemptTimeout: time.Second, FirstTokenTimeout: 2 * time.Second, IdleTimeout: 3 * time.Second,
		Queue:  config.Queue{Overload: config.OverloadNone, Target: 4 * time.Second, Interval: 5 * time.Second},
		Limits: config.Limits{TokensPerMinute: 7, Share: 0.5, Models: []config.ModelLimits{{Name: "acme-small", TokensPerMinute: 9}}},
		Retry:  config.Retry{Factor: 1.5},
		Breaker: config.Breaker{Window: 30 * time.Second, ErrorRate: 0.25, MinRequests: 1,
			OpenFor: time.Second, MaxOpen: 2 * time.Second, Probes: 2, ConsecutiveFailures: 4, WhenOpen: config.WhenOpenHold},
		Adapt: config.Adapt{Min: 3, Max: 30, Tolerance: 1.5},
		Hedge: config.Hedge{Enabled: true, Quantile: 0.9, MinDelay: 10 * time.Millisecond, Budget: 0.25},
	}
	if !reflect.DeepEqual(e.Policy, want) {
		t.Errorf("policy\n%+v, want\n%+v", e.Policy, want)
	}
	if e.Model != "acme-small" || !e.APIKey.IsZero() {
		t.Errorf("model %q, key %q", e.Model, e.APIKey.Reveal())
	}
	wantSettings := `{"base_url":"https://acme.example","headers":{"x-team":"core"},"region":"eu",` +
		`"replica":[{"url":"https://a.example","weight":1},{"url":"https://b.example","weight":0}],` +
		`"tags":["a","b"],"tls":{"ca_file":"ca.pem"},"token":"tok-from-file"}`
	if got := string(e.Settings.JSON()); got != wantSettings {
		t.Errorf("got  %s\nwant %s", got, wantSettings)
	}
}

func TestTheKeyComesFromTheFileThenTheProviderThenTheEnvironment(t *testing.T) {
	t.Parallel()
	cfg := resolveFull(t)
	for id, want := range map[string]string{"keyed": "sk-from-file", "inherits": "key-from-variable", "overrides": "", "from-environment": "sk-found"} {
		if got := endpoint(t, cfg, id).APIKey.Reveal(); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
	const text = `
provider "acme" {}
endpoint "second-variable" {
  provider = "acme"
  settings { region = "eu" }
}`
	cfg = parse(t, text)
	if got := cfg.Endpoints[0].APIKey.Reveal(); got != "second-key" {
		t.Errorf("an empty variable hides the next: %q", got)
	}
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	f, diags := config.Parse("test.hcl", []byte(text), environment)
	if f == nil {
		t.Fatal(diags)
	}
	cfg, diags := f.Resolve(manifests)
	if cfg == nil {
		t.Fatal(diags)
	}
	return cfg
}

func TestPluginSettingsAreFilledInFromTheirVariables(t *testing.T) {
	t.Parallel()
	const text = `
provider "acme" {}
endpoint "a" {
  provider = "acme"
  settings { region = "eu" }
}
endpoint "b" {
  provider = "acme"
  settings {
    region  = "eu"
    workers = 1
  }
}`
	f, _ := config.Parse("test.hcl", []byte(text), func(name string) (string, bool) { return "8", name == "ACME_WORKERS" })
	cfg, diags := f.Resolve(manifests)
	if cfg == nil {
		t.Fatal(diags)
	}
	for i, want := range []string{`"workers":8`, `"workers":1`} {
		if got := string(cfg.Endpoints[i].Settings.JSON()); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

func TestAProviderWithoutManifestLeavesTheRestUsable(t *testing.T) {
	t.Parallel()
	f, diags := config.Parse("test.hcl", []byte(`
provider "lost" {
  settings { whatever = 1 }
}
provider "echo" {}
endpoint "a" {
  provider = "lost"
  api_key  = env("ACME_API_KEY")
  settings { token = "hunter2" }
}
endpoint "b" {
  provider = "echo"
}`), environment)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	cfg, diags := f.Resolve(map[string]provider.Manifest{"echo": manifests["echo"]})
	if cfg == nil || len(diags) > 0 || len(cfg.Endpoints) != 2 {
		t.Fatalf("got %+v, %v", cfg, diags)
	}
	if e := cfg.Endpoints[0]; string(e.Settings.JSON()) != "{}" || e.APIKey.Reveal() != "key-from-variable" {
		t.Errorf("endpoint of the lost provider: %+v", e)
	}
}

func TestResolveCanBeRepeatedWithTheSameResult(t *testing.T) {
	t.Parallel()
	f, _ := config.Load("testdata/two_mistakes.bad.hcl", environment)
	_, first := f.Resolve(manifests)
	_, second := f.Resolve(manifests)
	if len(first) != 3 || !reflect.DeepEqual(first, second) {
		t.Errorf("first %v\nsecond %v", first, second)
	}
}

func TestProvidersAreKnownBeforeResolveEvenWithMistakes(t *testing.T) {
	t.Parallel()
	f, diags := config.Parse("conf/test.hcl", []byte(`
server {
  plugin_dir = "plugins"
  listen     = 5
}
provider "acme" {
  path    = "/opt/acme"
  timeout = 5
}
provider "echo" {}`), nil)
	if len(diags) != 2 || f == nil {
		t.Fatal(diags)
	}
	if got := f.ProviderNames(); !reflect.DeepEqual(got, []string{"acme", "echo"}) {
		t.Errorf("names %v", got)
	}
	if got := f.Providers()[0].Path; got != "/opt/acme" {
		t.Errorf("path %q", got)
	}
	if got := f.Server().PluginDir; got != filepath.FromSlash("conf/plugins") {
		t.Errorf("plugin folder %q", got)
	}
}

func TestSecretsOfAConfigurationDoNotPrint(t *testing.T) {
	t.Parallel()
	cfg := resolveFull(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb, cfg.Endpoints)
		for _, secret := range []string{"sk-from-file", "tok-from-file", "key-from-variable"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s", verb, secret)
			}
		}
	}
}

func TestDiagnosticsOfThePluginArePlacedInTheFile(t *testing.T) {
	t.Parallel()
	f, cfg, diags := load(t, "testdata/full.good.hcl", func(name string) (string, bool) { return "x-secret-x", name != "ACME_WORKERS" && name != "ACME_RATE" })
	if cfg == nil {
		t.Fatal(diags)
	}
	for path, want := range map[string]string{
		"region":         "testdata/full.good.hcl:88:15",
		"replica[1].url": "testdata/full.good.hcl:99:16",
		"replica[1]":     "testdata/full.good.hcl:98:5",
		"tags[1]":        "testdata/full.good.hcl:90:21",
		"base_url":       "testdata/full.good.hcl:87:3",
		"tls.cert_file":  "testdata/full.good.hcl:92:5",
		"model":          "testdata/full.good.hcl:80:25",
		"":               "testdata/full.good.hcl:87:3",
	} {
		got := f.EndpointDiagnostics("overrides", []schema.Diagnostic{{Path: path, Summary: "Refused", Detail: "The key tok-from-file is old."}})
		if len(got) != 1 || !strings.HasPrefix(got[0].String(), want+": error: Refused: The key [REDACTED] is old.") || got[0].Block != `endpoint "overrides"` {
			t.Errorf("%s: got %v, want it at %s", path, got, want)
		}
	}
	if got := f.ProviderDiagnostics("acme", []schema.Diagnostic{{Path: "cache", Warning: true, Summary: "Large"}}); len(got) != 1 || got[0].Line != 34 || !got[0].Warning {
		t.Errorf("provider's setting: %+v", got)
	}
	if got := f.EndpointDiagnostics("made-at-run-time", []schema.Diagnostic{{Path: "x", Summary: "Refused"}}); len(got) != 1 || got[0].Line != 0 || got[0].Path != "x" {
		t.Errorf("endpoint that is not in the file: %+v", got)
	}
}

func TestAFileThatCannotBeReadIsADiagnostic(t *testing.T) {
	t.Parallel()
	f, diags := config.Load("testdata/nowhere.hcl", nil)
	want := "testdata/nowhere.hcl: error: Configuration not read: Cannot read testdata/nowhere.hcl: no such file or directory. Name another file with -config, or copy config.hcl.example."
	if f != nil || len(diags) != 1 || diags[0].String() != want {
		t.Errorf("got %v", diags)
	}
	if err := diags.Err(); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

func TestDiagnosticsAreJSONForPrograms(t *testing.T) {
	t.Parallel()
	_, _, diags := load(t, "testdata/two_mistakes.bad.hcl", nil)
	text, err := json.Marshal(diags[1])
	want := `{"summary":"Value not allowed","detail":"\"region\" must be one of \"eu\", \"us\", but is \"mars\".","file":"testdata/two_mistakes.bad.hcl","line":7,"column":14,` +
		`"block":"endpoint \"slow\"","path":"settings.region","source":"    region = \"mars\"","mark":"             ^^^^^^"}`
	if err != nil || string(text) != want {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
}

func TestAWarningIsNoErrorButIsTold(t *testing.T) {
	t.Parallel()
	_, cfg, diags := load(t, "testdata/key_missing.bad.hcl", nil)
	if cfg == nil || diags.Err() != nil || len(diags) != 1 || !diags[0].Warning {
		t.Errorf("got %v, error %v", diags, diags.Err())
	}
}
