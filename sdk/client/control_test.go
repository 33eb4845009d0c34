package client_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestDescribeReturnsTheManifestWithWhatTheSDKKnows(t *testing.T) {
	t.Parallel()
	p := serving(struct{}{})
	p.manifest.Settings = schema.Object{Attributes: []schema.Attribute{{Name: "a", Type: schema.Duration, Default: "30s"}}}
	got, err := dial(t, p).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := wire.Manifest(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.SDK != "go/"+wire.Version || !reflect.DeepEqual(got.Protocols, []int{1}) {
		t.Errorf("got sdk %q, protocols %v", got.SDK, got.Protocols)
	}
}

// configurable takes settings of the whole process.
type configurable struct {
	*fake
	got  provider.ProviderConfig
	fail error
}

func (c *configurable) Configure(_ context.Context, cfg provider.ProviderConfig) error {
	c.got = cfg
	return c.fail
}

func TestConfigureChecksAndHandsOverTheProcessSettings(t *testing.T) {
	t.Parallel()
	p := &configurable{fake: serving(struct{}{})}
	p.manifest.ProviderSettings = schema.Object{Attributes: []schema.Attribute{
		{Name: "proxy", Type: schema.String, Default: "none"}, {Name: "token", Type: schema.String, Sensitive: true},
	}}
	conn := dial(t, p)
	settings := func(s string) provider.ProviderConfig {
		return provider.ProviderConfig{Settings: provider.NewSettings([]byte(s))}
	}
	diags, err := conn.Configure(t.Context(), settings(`{"prox":"x"}`))
	if err != nil || len(diags) != 1 || !schema.HasErrors(diags) {
		t.Errorf("got %v, %v", diags, err)
	}
	diags, err = conn.Configure(t.Context(), settings(`{}`))
	if err != nil || len(diags) != 0 || string(p.got.Settings.JSON()) != `{"proxy":"none"}` {
		t.Errorf("got %v, %v, %s", diags, err, p.got.Settings.JSON())
	}
	p.fail = provider.Errorf(provider.CodePermission, "token top-secret refused")
	_, err = conn.Configure(t.Context(), settings(`{"token":"top-secret"}`))
	if e := wantError(t, err, provider.CodePermission, provider.SourcePlugin); e.Message != "token [REDACTED] refused" {
		t.Errorf("got %q", e.Message)
	}
}

func TestConfigureWithoutAConfigurerTakesNoSettings(t *testing.T) {
	t.Parallel()
	conn := dial(t, serving(struct{}{}))
	if diags, err := conn.Configure(t.Context(), provider.ProviderConfig{}); err != nil || len(diags) != 0 {
		t.Errorf("got %v, %v", diags, err)
	}
	diags, err := conn.Configure(t.Context(), provider.ProviderConfig{Settings: provider.NewSettings([]byte(`{"a":1}`))})
	if err != nil || !schema.HasErrors(diags) {
		t.Errorf("got %v, %v", diags, err)
	}
}

type tester struct{ test func(*provider.Request) error }

func (e tester) Test(_ context.Context, req *provider.Request) error { return e.test(req) }

type lister struct{ err error }

func (e lister) ListModels(context.Context, *provider.Request) (*provider.ModelList, error) {
	return &provider.ModelList{}, e.err
}

func TestAnEndpointIsTestedByItselfElseByItsModelsElseNotAtAll(t *testing.T) {
	t.Parallel()
	refused := provider.Errorf(provider.CodeAuth, "wrong key")
	var seen *provider.Request
	for name, test := range map[string]struct {
		endpoint provider.Endpoint
		fails    bool
	}{
		"tester":  {tester{func(req *provider.Request) error { seen = req; return refused }}, true},
		"lister":  {lister{refused}, true},
		"caller":  {caller(func(context.Context, *provider.Request) (*provider.Response, error) { return nil, refused }), true},
		"neither": {struct{}{}, false},
		"content": {lister{}, false},
	} {
		err := opened(t, test.endpoint).TestEndpoint(t.Context(), &provider.Request{Endpoint: "e", RequestID: "r-9"})
		if !test.fails && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if test.fails {
			wantError(t, err, provider.CodeAuth, provider.SourcePlugin)
		}
	}
	if seen.RequestID != "r-9" {
		t.Errorf("the tester saw %+v", seen)
	}
	err := opened(t, struct{}{}).TestEndpoint(t.Context(), &provider.Request{Endpoint: "unknown"})
	wantError(t, err, provider.CodeNotFound, provider.SourcePlugin)
}

func TestADrainingPluginFinishesAndRefuses(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	conn := opened(t, caller(func(context.Context, *provider.Request) (*provider.Response, error) {
		close(entered)
		<-release
		return &provider.Response{}, nil
	}))
	running := make(chan error, 1)
	go func() {
		_, err := conn.Call(context.Background(), chatRequest())
		running <- err
	}()
	<-entered
	health := func(want provider.Health) {
		t.Helper()
		if got, err := conn.Health(t.Context()); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	health(provider.Health{Ready: true, InFlight: 1})
	if err := conn.Drain(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	health(provider.Health{Message: "draining", InFlight: 1})
	_, err := conn.Call(t.Context(), chatRequest())
	wantError(t, err, provider.CodePluginUnavailable, provider.SourcePlugin)
	close(release)
	if err := <-running; err != nil {
		t.Errorf("the call in flight failed: %v", err)
	}
	health(provider.Health{Message: "draining"})
}
