package client_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// closable is an endpoint that blocks its calls and tells when it is closed.
type closable struct {
	config  provider.EndpointConfig
	entered chan struct{}
	release chan struct{}
	closed  chan struct{}
}

func newClosable(cfg provider.EndpointConfig) *closable {
	return &closable{config: cfg, entered: make(chan struct{}, 1), release: make(chan struct{}), closed: make(chan struct{})}
}

func (e *closable) Call(context.Context, *provider.Request) (*provider.Response, error) {
	e.entered <- struct{}{}
	<-e.release
	return &provider.Response{Body: fmt.Appendf(nil, "%d", e.config.Revision)}, nil
}

func (e *closable) Close() error {
	close(e.closed) // a second Close panics
	return nil
}

func (e *closable) isClosed(within time.Duration) bool {
	select {
	case <-e.closed:
		return true
	case <-time.After(within):
		return false
	}
}

// closables opens closable endpoints and remembers them by revision.
type closables struct {
	mu   sync.Mutex
	made map[uint64]*closable
}

func (c *closables) provider() *fake {
	c.made = map[uint64]*closable{}
	return &fake{open: func(cfg provider.EndpointConfig) (provider.Endpoint, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.made[cfg.Revision] = newClosable(cfg)
		return c.made[cfg.Revision], nil
	}}
}

func TestAReplacedEndpointFinishesItsCallsAndIsThenClosed(t *testing.T) {
	t.Parallel()
	var c closables
	conn := dial(t, c.provider())
	open(t, conn, provider.EndpointConfig{ID: "e", Revision: 1})
	old := c.made[1]
	answer := make(chan string, 1)
	go func() {
		res, err := conn.Call(context.Background(), &provider.Request{Endpoint: "e", Operation: "chat"})
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- string(res.Body)
	}()
	<-old.entered
	open(t, conn, provider.EndpointConfig{ID: "e", Revision: 2})
	if old.isClosed(50 * time.Millisecond) {
		t.Error("the old endpoint was closed under its call")
	}
	current := c.made[2]
	close(current.release)
	res, err := conn.Call(t.Context(), &provider.Request{Endpoint: "e", Revision: 2, Operation: "chat"})
	if err != nil || string(res.Body) != "2" {
		t.Errorf("a new call got %v, %v", res, err)
	}
	close(old.release)
	if got := <-answer; got != "1" {
		t.Errorf("the old call got %s", got)
	}
	if !old.isClosed(patience) {
		t.Error("the old endpoint was not closed after its last call")
	}
	if err := conn.CloseEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	if !current.isClosed(patience) {
		t.Error("a closed endpoint without calls was not closed")
	}
	if err := conn.CloseEndpoint(t.Context(), "e"); err != nil {
		t.Errorf("closing an unknown endpoint: %v", err)
	}
	_, err = conn.Call(t.Context(), &provider.Request{Endpoint: "e", Operation: "chat"})
	wantError(t, err, provider.CodeNotFound, provider.SourcePlugin)
}

func TestRevisionsNeverGoBack(t *testing.T) {
	t.Parallel()
	var c closables
	conn := dial(t, c.provider())
	open(t, conn, provider.EndpointConfig{ID: "e", Revision: 5})
	_, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Revision: 4})
	wantError(t, err, provider.CodeConflict, provider.SourcePlugin)
	if !c.made[4].isClosed(patience) || c.made[5].isClosed(10*time.Millisecond) {
		t.Error("the wrong endpoint was closed")
	}
	_, err = conn.Call(t.Context(), &provider.Request{Endpoint: "e", Revision: 6, Operation: "chat"})
	wantError(t, err, provider.CodePluginUnavailable, provider.SourcePlugin)
	_, err = conn.OpenEndpoint(t.Context(), provider.EndpointConfig{})
	wantError(t, err, provider.CodeInvalidRequest, provider.SourcePlugin)
}

// lateProvider opens revision 2 only after the host has given up.
type lateProvider struct {
	fake
	late    *closable
	entered chan struct{}
}

func (p *lateProvider) Open(ctx context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	if cfg.Revision < 2 {
		return p.fake.Open(ctx, cfg)
	}
	close(p.entered)
	<-ctx.Done()
	return p.late, nil
}

// A host that gave up goes on with the settings that it knows to be open; an
// Open that ends later must not replace them.
func TestAnEndpointIsNotOpenedOnceTheHostGaveUp(t *testing.T) {
	t.Parallel()
	p := &lateProvider{late: newClosable(provider.EndpointConfig{Revision: 2}), entered: make(chan struct{})}
	p.open = func(provider.EndpointConfig) (provider.Endpoint, error) {
		return caller(func(context.Context, *provider.Request) (*provider.Response, error) {
			return &provider.Response{Body: []byte("known")}, nil
		}), nil
	}
	conn := dial(t, p)
	open(t, conn, provider.EndpointConfig{ID: "e", Revision: 1})
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		<-p.entered
		giveUp()
	}()
	if _, err := conn.OpenEndpoint(ctx, provider.EndpointConfig{ID: "e", Revision: 2}); err == nil {
		t.Fatal("an endpoint was opened after its context had ended")
	}
	if !p.late.isClosed(patience) {
		t.Fatal("the endpoint that came too late is still open")
	}
	res, err := conn.Call(t.Context(), &provider.Request{Endpoint: "e", Revision: 1, Operation: "chat"})
	if err != nil || string(res.Body) != "known" {
		t.Errorf("got %v, %v", res, err)
	}
}

func TestSettingsAreCheckedBeforeTheProviderSeesThem(t *testing.T) {
	t.Parallel()
	var seen provider.EndpointConfig
	p := &fake{open: func(cfg provider.EndpointConfig) (provider.Endpoint, error) { seen = cfg; return struct{}{}, nil }}
	p.manifest.Settings = schema.Object{Attributes: []schema.Attribute{
		{Name: "base_url", Type: schema.String, Default: "https://api.example.com"},
		{Name: "words", Type: schema.Int},
	}}
	conn := dial(t, p)
	cfg := provider.EndpointConfig{ID: "e", Revision: 1, Model: "m", Credential: provider.NewSecret("k"), Settings: provider.NewSettings([]byte(`{"words":"x"}`))}
	diags, err := conn.OpenEndpoint(t.Context(), cfg)
	if err != nil || len(diags) != 1 || diags[0].Path != "words" || seen.ID != "" {
		t.Errorf("got %v, %v; the provider saw %+v", diags, err, seen)
	}
	cfg.Settings = provider.NewSettings([]byte(`{"words":3}`))
	open(t, conn, cfg)
	if got := string(seen.Settings.JSON()); got != `{"base_url":"https://api.example.com","words":3}` {
		t.Errorf("got settings %s", got)
	}
	if seen.ID != "e" || seen.Revision != 1 || seen.Model != "m" || seen.Credential.Reveal() != "k" {
		t.Errorf("got %+v", seen)
	}
}

func TestAProvidersOwnDiagnosticsComeBackWithoutSecrets(t *testing.T) {
	t.Parallel()
	p := &fake{open: func(cfg provider.EndpointConfig) (provider.Endpoint, error) {
		return nil, fmt.Errorf("open: %w", &provider.ConfigError{Diagnostics: []schema.Diagnostic{
			{Path: "api_key", Summary: "Wrong key", Detail: "The key " + cfg.Credential.Reveal() + " does not begin with sk-."},
		}})
	}}
	conn := dial(t, p)
	diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Credential: provider.NewSecret("top-secret")})
	if err != nil || len(diags) != 1 || diags[0].Path != "api_key" || strings.Contains(diags[0].Detail, "top-secret") {
		t.Errorf("got %v, %v", diags, err)
	}
	_, err = conn.Call(t.Context(), &provider.Request{Endpoint: "e", Operation: "chat"})
	wantError(t, err, provider.CodeNotFound, provider.SourcePlugin)
}

func TestAnOpenThatReturnsNothingIsAnError(t *testing.T) {
	t.Parallel()
	conn := dial(t, &fake{open: func(provider.EndpointConfig) (provider.Endpoint, error) { return nil, nil }})
	_, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e"})
	wantError(t, err, provider.CodeInternal, provider.SourcePlugin)
	conn = dial(t, &fake{open: func(provider.EndpointConfig) (provider.Endpoint, error) { return nil, &provider.ConfigError{} }})
	diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e"})
	if err != nil || !schema.HasErrors(diags) {
		t.Errorf("a refusal without words: got %v, %v", diags, err)
	}
}

func TestOpeningTheSameEndpointFromManySidesLeavesTheNewest(t *testing.T) {
	t.Parallel()
	var c closables
	conn := dial(t, c.provider())
	var wg sync.WaitGroup
	for revision := range uint64(50) {
		wg.Go(func() {
			_, _ = conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Revision: revision + 1}) // older ones are refused
		})
	}
	wg.Wait()
	for revision, e := range c.made {
		within := patience
		if revision == 50 {
			within = 100 * time.Millisecond // must stay open
		}
		if e.isClosed(within) != (revision != 50) {
			t.Errorf("revision %d: closed is wrong", revision)
		}
	}
}
