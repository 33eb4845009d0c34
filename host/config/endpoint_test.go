package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// acme is a provider block with something to inherit.
func acme() config.Provider {
	p := config.Provider{Name: "acme", Defaults: config.Defaults{Model: "acme-large", Policy: config.DefaultPolicy()}}
	p.Defaults.Policy.Retry.Max = 9
	return p
}

func TestAnEndpointFromJSONInheritsWhatItDoesNotSay(t *testing.T) {
	t.Parallel()
	e, diags := config.DecodeEndpoint([]byte(`{"id":"fast","provider":"acme","timeout":"5s","queue":{"size":0,"max_concurrent":2.0},
		"settings":{"region":"eu","replica":[{"url":"u"}]}}`), acme(), manifests["acme"], environment)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := config.DefaultPolicy()
	want.Retry.Max, want.Timeout, want.Queue.Size, want.Queue.MaxConcurrent = 9, 5*time.Second, 0, 2
	if e.ID != "fast" || e.Provider != "acme" || e.Model != "acme-large" || !reflect.DeepEqual(e.Policy, want) || e.APIKey.Reveal() != "second-key" {
		t.Errorf("got %+v, key %s", e, e.APIKey.Reveal())
	}
	if got := string(e.Settings.JSON()); got != `{"base_url":"https://acme.example","region":"eu","replica":[{"url":"u","weight":1}]}` {
		t.Errorf("settings %s", got)
	}
}

func TestAnEndpointFromJSONMayLeaveItsIDToTheCaller(t *testing.T) {
	t.Parallel()
	e, diags := config.DecodeEndpoint([]byte(`{}`), config.Provider{Name: "echo"}, manifests["echo"], nil)
	if len(diags) > 0 || e.ID != "" || e.Provider != "echo" {
		t.Errorf("got %+v, %v", e, diags)
	}
}

func TestAKeyInJSONWinsOverTheEnvironment(t *testing.T) {
	t.Parallel()
	inherited := provider.NewSecret("from-block")
	for _, tc := range []struct {
		spec  string
		block *provider.Secret
		want  string
	}{
		{`{"api_key":"given"}`, &inherited, "given"},
		{`{"api_key":""}`, &inherited, ""},
		{`{"api_key":null}`, &inherited, "from-block"},
		{`{}`, &inherited, "from-block"},
		{`{}`, nil, "found"},
	} {
		p := config.Provider{Name: "openai", Defaults: config.Defaults{APIKey: tc.block}}
		e, diags := config.DecodeEndpoint([]byte(tc.spec), p, manifests["openai"], func(string) (string, bool) { return "found", true })
		if schema.HasErrors(diags) || e.APIKey.Reveal() != tc.want {
			t.Errorf("%s: got %q, %v, want %q", tc.spec, e.APIKey.Reveal(), diags, tc.want)
		}
	}
}

func TestAnEndpointWithoutTheKeyItNeedsIsAWarning(t *testing.T) {
	t.Parallel()
	_, diags := config.DecodeEndpoint([]byte(`{}`), config.Provider{Name: "openai"}, manifests["openai"], nil)
	if len(diags) != 1 || !diags[0].Warning || !strings.Contains(diags[0].Detail, "OPENAI_API_KEY") {
		t.Errorf("got %v", diags)
	}
}

func TestMistakesInAnEndpointsJSONAreReportedTogether(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		`{"id":"a b","timeout":5,"retyr":{},"settings":{"region":"mars","worker":1}}`: `timeout: Wrong type: "timeout" must be a duration, but a number was given; write it with a unit, for example "5s".; ` +
			`settings.region: Value not allowed: "region" must be one of "eu", "us", but is "mars".; ` +
			`settings.worker: Unsupported setting: There is no setting "worker" here. Did you mean "workers"?; ` +
			`retyr: Unsupported setting: There is no setting "retyr" here. Did you mean "retry"?; ` +
			`id: Value not allowed: "a b" cannot be the id of an endpoint: write letters, digits, dots, dashes and underscores, a letter or digit first, at most 64 characters.`,
		`{}`:                              `settings.region: Missing setting: The setting "region" is required: write region = "eu".`,
		`{"settings":"x"}`:                `settings: Wrong type: "settings" must be a block of settings, but a string was given.`,
		`{"settings":{"region":"eu"}} {}`: `Invalid endpoint: The endpoint must be one JSON object, but more follows it.`,
		`[]`:                              `Invalid endpoint: The endpoint must be a JSON object, for example {"provider": "openai"}.`,
		`{"id":`:                          `Invalid endpoint: The endpoint is not valid JSON: unexpected EOF.`,
		`{"settings":{"region":"eu","limits":{}}}`: `settings.limits.rate: Value out of bounds: "rate" must be at most 10. The value comes from the environment variable ACME_RATE.`,
		`{"api_key":5,"settings":{"region":"eu"}}`: `api_key: Wrong type: "api_key" must be a string, but a number was given; write it in quotes.`,
	} {
		_, diags := config.DecodeEndpoint([]byte(spec), acme(), manifests["acme"], environment)
		if got := schema.Join(diags); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", spec, got, want)
		}
	}
}

func existing(t *testing.T) config.Endpoint {
	t.Helper()
	e, diags := config.DecodeEndpoint([]byte(`{"id":"fast","api_key":"old","model":"m","timeout":"5s",
		"settings":{"region":"eu","token":"tok-1","workers":7,"headers":{"a":"1"},"tls":{"ca_file":"x"}}}`), acme(), manifests["acme"], nil)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return e
}

func TestAPatchChangesOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	before := existing(t)
	e, diags := config.PatchEndpoint([]byte(`{"retry":{"max":0},"settings":{"base_url":"https://b","workers":null,"headers":{"b":"2"},"tls":null}}`), before, manifests["acme"])
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := before.Policy
	want.Retry.Max = 0
	if !reflect.DeepEqual(e.Policy, want) || e.Model != "m" || e.APIKey.Reveal() != "old" || e.ID != "fast" {
		t.Errorf("got %+v", e)
	}
	if got := string(e.Settings.JSON()); got != `{"base_url":"https://b","headers":{"a":"1","b":"2"},"region":"eu","token":"tok-1"}` {
		t.Errorf("settings %s", got)
	}
	if got := string(before.Settings.JSON()); !strings.Contains(got, `"workers":7`) || before.Policy.Retry.Max != 9 {
		t.Errorf("the patch changed the endpoint it was given: %s", got)
	}
}

func TestAPatchCanChangeAndRemoveTheKey(t *testing.T) {
	t.Parallel()
	for patch, want := range map[string]string{`{"api_key":"new"}`: "new", `{"api_key":""}`: "", `{"api_key":null}`: "old"} {
		if e, diags := config.PatchEndpoint([]byte(patch), existing(t), manifests["acme"]); len(diags) > 0 || e.APIKey.Reveal() != want {
			t.Errorf("%s: got %q, %v", patch, e.APIKey.Reveal(), diags)
		}
	}
}

func TestAPatchKeepsIDAndProvider(t *testing.T) {
	t.Parallel()
	_, diags := config.PatchEndpoint([]byte(`{"id":"other","provider":"echo"}`), existing(t), manifests["acme"])
	want := `provider: Value not allowed: The provider of an endpoint cannot be changed: it is "acme". Create another endpoint.; ` +
		`id: Value not allowed: The id of an endpoint cannot be changed: it is "fast". Create another endpoint.`
	if got := schema.Join(diags); got != want {
		t.Errorf("got %s", got)
	}
	if _, diags := config.PatchEndpoint([]byte(`{"id":"fast","provider":"acme"}`), existing(t), manifests["acme"]); len(diags) > 0 {
		t.Errorf("repeating them: %v", diags)
	}
}

func TestAPatchWithMistakesNamesThem(t *testing.T) {
	t.Parallel()
	_, diags := config.PatchEndpoint([]byte(`{"settings":{"region":null}}`), existing(t), manifests["acme"])
	if got := schema.Join(diags); got != `settings.region: Missing setting: The setting "region" is required: write region = "eu".` {
		t.Errorf("got %s", got)
	}
}

func TestPeekEndpointFindsIDAndProvider(t *testing.T) {
	t.Parallel()
	id, name, err := config.PeekEndpoint([]byte(`{"id":"a","provider":"echo","queue":{}}`))
	if id != "a" || name != "echo" || err != nil {
		t.Errorf("got %q, %q, %v", id, name, err)
	}
	if _, _, err := config.PeekEndpoint([]byte(`{"id":5}`)); err == nil {
		t.Error("a number was taken as id")
	}
}
