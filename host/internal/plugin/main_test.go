//go:build unix

package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// TestMain lets this binary be the plugin and a host as well.
func TestMain(m *testing.M) {
	describing := len(os.Args) == 2 && os.Args[1] == "describe"
	switch {
	case describing || os.Getenv(client.Handshake.MagicCookieKey) == client.Handshake.MagicCookieValue:
		misbehave(os.Getenv(modeEnv))
		sdk.Serve(testProvider{})
	case os.Getenv(miniHostEnv) != "":
		miniHost()
	default:
		goleak.VerifyTestMain(m)
	}
}

// binary is the path and the manifest of the test plugin.
var binary = sync.OnceValues(func() (Spec, error) {
	path, err := os.Executable()
	if err != nil {
		return Spec{}, err
	}
	m, err := Describe(context.Background(), path)
	return Spec{Name: "test", Path: path, Manifest: m, StartTimeout: patience}, err
})

// testSpec is a spec of the test plugin with pairs of environment variables.
func testSpec(t *testing.T, env ...string) Spec {
	t.Helper()
	spec, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	spec.Env = map[string]string{"GORACE": "atexit_sleep_ms=0"} // else each exit takes a second
	if testing.CoverMode() != "" {
		spec.Env["GOCOVERDIR"] = t.TempDir() // else each exit prints a warning
	}
	for i := 0; i+1 < len(env); i += 2 {
		spec.Env[env[i]] = env[i+1]
	}
	return spec
}

// newProvider makes a provider that is shut down when the test ends, and the
// host's log.
func newProvider(t *testing.T, spec Spec) (*Provider, *safeBuffer) {
	t.Helper()
	log, out := testLog(hclog.Debug)
	p := New(spec, log)
	t.Cleanup(func() { shutDown(t, p) })
	return p, out
}

// started starts a provider of the test plugin with the endpoint "e".
func started(t *testing.T, env ...string) (*Provider, *safeBuffer) {
	t.Helper()
	p, out := newProvider(t, testSpec(t, env...))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	return p, out
}

func shutDown(t *testing.T, p *Provider) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// open opens an endpoint and fails the test if it is refused.
func open(t *testing.T, p *Provider, id string, revision uint64, note string) {
	t.Helper()
	diags, err := p.OpenEndpoint(t.Context(), endpointConfig(id, revision, note))
	if err != nil || len(diags) > 0 {
		t.Fatalf("open %s: %v, %v", id, diags, err)
	}
}

func endpointConfig(id string, revision uint64, note string) provider.EndpointConfig {
	settings, err := json.Marshal(map[string]string{"note": note})
	if err != nil {
		panic(err)
	}
	return provider.EndpointConfig{ID: id, Revision: revision, Settings: provider.NewSettings(settings)}
}

func request(endpoint string, w wish) *provider.Request {
	body, err := json.Marshal(w)
	if err != nil {
		panic(err)
	}
	return &provider.Request{Endpoint: endpoint, Operation: "do", Attempt: 1, Body: body}
}

// call makes one call and decodes its answer.
func call(ctx context.Context, p *Provider, endpoint string, w wish) (answer, error) {
	resp, err := p.Call(ctx, request(endpoint, w))
	if err != nil {
		return answer{}, err
	}
	var a answer
	err = json.Unmarshal(resp.Body, &a)
	return a, err
}

// mustCall is call for answers that must come.
func mustCall(t *testing.T, p *Provider, endpoint string, w wish) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := call(ctx, p, endpoint, w)
	if err != nil {
		t.Fatalf("%+v: %v", w, err)
	}
	return a
}

// inFlight begins a call that does not end by itself and waits until it runs.
func inFlight(t *testing.T, p *Provider, w wish) <-chan error {
	t.Helper()
	before := p.Status(false).InFlight
	result := make(chan error, 1)
	go func() {
		_, err := call(context.Background(), p, "e", w)
		result <- err
	}()
	eventually(t, "the call is in flight", func() bool { return p.Status(false).InFlight > before || len(result) > 0 })
	return result
}

func receive(t *testing.T, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(patience):
		t.Fatal("no answer came")
		return nil
	}
}

// wantCode fails unless err is a provider.Error of the host with the given code.
func wantCode(t *testing.T, err error, code provider.Code, pieces ...string) *provider.Error {
	t.Helper()
	wantError(t, err, pieces...)
	e := provider.AsError(err)
	if e.Code != code || e.Source != provider.SourceHost {
		t.Errorf("got code %s of %s, want %s of the host: %v", e.Code, e.Source, code, err)
	}
	return e
}

func waitState(t *testing.T, p *Provider, want status.ProviderState) {
	t.Helper()
	eventually(t, "the provider is "+string(want), func() bool { return p.Status(false).State == want })
}

func waitLog(t *testing.T, out fmt.Stringer, pieces ...string) {
	t.Helper()
	for _, piece := range pieces {
		eventually(t, "the log has "+piece, func() bool { return bytes.Contains([]byte(out.String()), []byte(piece)) })
	}
}
