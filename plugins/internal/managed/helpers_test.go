//go:build unix

package managed_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/plugins/internal/vllm"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestMain(m *testing.M) { managedtest.Main(m) }

// newProvider is a provider whose family of servers is vLLM's.
func newProvider() provider.Provider {
	return managed.New(openaicompat.New(vllm.Dialect("test", "0.1.0")), managed.Family{
		Command: []string{"vllm", "serve", "{model}"}, Image: "vllm/vllm-openai:latest",
		Arguments: []string{"--model", "{model}", "--host", "{host}", "--port", "{port}"}, Port: 8000, Health: "/health",
	})
}

// lab is a plugin in this process, and what its endpoints have in common.
type lab struct {
	*client.Conn
	port, dir, starts string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	dir := managedtest.Dir(t)
	return &lab{providertest.Dial(t, newProvider()), managedtest.FreePort(t), dir, filepath.Join(dir, "starts")}
}

// another is a second plugin with the same files, as there is while the first is
// replaced.
func (l *lab) another(t *testing.T) *lab {
	t.Helper()
	second := *l
	second.Conn = providertest.Dial(t, newProvider())
	return &second
}

// block is a block "server" of quick settings, with others laid over them.
func (l *lab) block(t *testing.T, over plugintest.Settings, args ...string) plugintest.Settings {
	t.Helper()
	block := plugintest.Settings{
		"mode": "process", "model": "m", "runtime_dir": l.dir, "health_interval": "50ms", "stop_timeout": "2s",
		"process": plugintest.Settings{"command": managedtest.Command(t, append([]string{"--starts", l.starts}, args...)...)},
	}
	for name, value := range over {
		block[name] = value
	}
	return block
}

// open opens an endpoint with a block "server".
func (l *lab) open(t *testing.T, id string, block plugintest.Settings) []schema.Diagnostic {
	t.Helper()
	return l.openAt(t, id, 1, "http://127.0.0.1:"+l.port+"/v1", block)
}

func (l *lab) openAt(t *testing.T, id string, revision uint64, url string, block plugintest.Settings) []schema.Diagnostic {
	t.Helper()
	raw, err := json.Marshal(plugintest.Settings{"base_url": url, "server": block})
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider()
	full, diags := p.Describe().Settings.Check(raw)
	if schema.HasErrors(diags) {
		return diags
	}
	diags, err = l.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: id, Revision: revision, Settings: provider.NewSettings(full)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.CloseEndpoint(t.Context(), id) }) // the server ends when the plugin is closed, too
	return diags
}

func (l *lab) mustOpen(t *testing.T, id string, block plugintest.Settings) {
	t.Helper()
	if diags := l.open(t, id, block); len(diags) > 0 {
		t.Fatal(schema.Join(diags))
	}
}

const chat = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

// call calls an operation of an endpoint.
func (l *lab) call(t *testing.T, id, operation, body string) (*provider.Response, error) {
	t.Helper()
	return l.callFor(t, id, operation, body, 30*time.Second)
}

func (l *lab) callFor(t *testing.T, id, operation, body string, limit time.Duration) (*provider.Response, error) {
	t.Helper()
	req := plugintest.Request(operation, body)
	req.Endpoint, req.Timeout = id, limit
	return l.Call(t.Context(), req)
}

func (l *lab) mustCall(t *testing.T, id, operation, body string) *provider.Response {
	t.Helper()
	resp, err := l.call(t, id, operation, body)
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	return resp
}

func (l *lab) status(t *testing.T, id string) managed.Status {
	t.Helper()
	return statusOf(t, l.mustCall(t, id, managed.OpStatus, `{}`).Body)
}

func statusOf(t *testing.T, body []byte) managed.Status {
	t.Helper()
	var st managed.Status
	if err := json.Unmarshal(body, &st); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return st
}

// await waits until an endpoint's server is in a state.
func (l *lab) await(t *testing.T, id string, want managed.State) managed.Status {
	t.Helper()
	var st managed.Status
	managedtest.Eventually(t, "the server is "+string(want), func() bool {
		st = l.status(t, id)
		return st.State == want
	})
	return st
}

// alive reports whether there is a process that is no zombie.
func alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// wantMessage fails the test unless the error's text has all the parts.
func wantMessage(t *testing.T, e *provider.Error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(e.Message, part) {
			t.Errorf("got the message %q, want %q in it", e.Message, part)
		}
	}
}
