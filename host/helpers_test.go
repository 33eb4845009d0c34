package host_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// start runs a host on the configuration, with real plugin processes and free
// addresses, until the test ends.
func start(t *testing.T, configuration string, env ...string) *host.Host {
	t.Helper()
	h := newHost(t, configuration, env...)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func newHost(t *testing.T, configuration string, env ...string) *host.Host {
	t.Helper()
	opts := testOptions(t, env...)
	setup, err := host.Parse(t.Context(), "test.hcl", []byte(configuration), opts)
	if err != nil {
		t.Fatal(err)
	}
	return hostOf(t, setup, opts)
}

// testOptions are for a host on free addresses, with pairs of environment
// variables.
func testOptions(t *testing.T, env ...string) host.Options {
	t.Helper()
	return host.Options{
		PluginDir: pluginDir, Listen: "127.0.0.1:0", Admin: "unix:" + socket(t),
		LookupEnv: func(name string) (string, bool) {
			for i := 0; i+1 < len(env); i += 2 {
				if env[i] == name {
					return env[i+1], true
				}
			}
			return "", false
		},
	}
}

// hostOf makes a host that is stopped when the test ends.
func hostOf(t *testing.T, setup *host.Setup, opts host.Options) *host.Host {
	t.Helper()
	h, err := host.New(setup, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return h
}

// socket is a path short enough for a unix socket.
func socket(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("%s/%x.sock", pluginDir, time.Now().UnixNano())
}

// fakeService plays an OpenAI-compatible service.
func fakeService(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// net/http notices a lost caller only once the body has been read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// user makes a chat request of one message.
func user(model, text string) *provider.ChatRequest {
	return &provider.ChatRequest{Model: model, Messages: []provider.Message{{Role: "user", Content: provider.TextContent(text)}}}
}
