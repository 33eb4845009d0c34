//go:build unix

package plugin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// brokenSpec builds the SDK's provider that breaks the rules of sessions: it puts
// its answers to ids that nobody opened.
func brokenSpec(t *testing.T) Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backplane-provider-astray")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/backplane-dev/backplane/sdk/internal/brokenprovider")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	m, err := Describe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: m.Name, Path: path, Manifest: m, StartTimeout: patience}
}

func TestAProcessThatBreaksItsSessionIsCalledWithoutOne(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"choices":[{"message":{"content":"hello"}}]}`)
	}))
	t.Cleanup(service.Close)
	p, out := newProvider(t, brokenSpec(t))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	settings := provider.NewSettings([]byte(`{"base_url":"` + service.URL + `"}`))
	diags, err := p.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Revision: 1, Settings: settings})
	if err != nil || len(diags) > 0 {
		t.Fatalf("open: %v, %v", diags, err)
	}
	req := &provider.Request{Endpoint: "e", Operation: provider.OpChat, Attempt: 1,
		Body: []byte(`{"messages":[{"role":"user","content":"hi"}]}`)}
	_, err = p.Call(t.Context(), req)
	wantCode(t, err, provider.CodePluginUnavailable, "which still runs", "was never opened")
	pid := p.Status(false).PID
	for range 3 {
		resp, err := p.Call(t.Context(), req)
		if err != nil || !strings.Contains(string(resp.Body), "hello") {
			t.Fatalf("got %v, %v", resp, err)
		}
	}
	waitLog(t, out, "is called without sessions")
	if n := strings.Count(out.String(), "is called without sessions"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	if got := p.Status(false).PID; got != pid || pid == 0 {
		t.Errorf("the process is %d, it was %d", got, pid)
	}
}
