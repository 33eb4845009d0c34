package host_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const faultyRoutes = `
provider "echo" {}
provider "openai" {}

endpoint "failing" {
  provider = "echo"
  settings { error_rate = 1 }
  retry { max = 0 }
}
endpoint "limited" {
  provider = "echo"
  settings {
    rate_limit_rate = 1
    retry_after     = "30s"
  }
}
endpoint "breaking" {
  provider = "echo"
  settings { fail_after_words = 1 }
}
endpoint "crashing" {
  provider = "echo"
  settings { crash_on = "crash" }
  retry { max = 0 }
}
endpoint "good" { provider = "echo" }
endpoint "better" { provider = "echo" }
endpoint "best" { provider = "echo" }
endpoint "other" {
  provider = "openai"
  model    = "m"
  api_key  = "k"
  settings { base_url = "%s/v1" }
}

route "chain" { endpoints = ["failing", "limited", "good"] }
route "breaks" { endpoints = ["breaking", "good"] }
route "crashes" { endpoints = ["crashing", "other"] }
route "session" {
  endpoints = ["good", "better", "best"]
  sticky    = "x-session"
}
`

// post sends a chat request and reads the answer.
func post(t *testing.T, h *host.Host, model, text string, stream bool, header ...string) (*http.Response, string) {
	t.Helper()
	body := fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":%q}]}`, model, stream, text)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.Addr()+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(answer)
}

func startFaulty(t *testing.T) *host.Host {
	t.Helper()
	url := fakeService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, completion)
	})
	return start(t, fmt.Sprintf(faultyRoutes, url))
}

func TestARouteOfRealPluginsGoesOnUntilOneAnswers(t *testing.T) {
	t.Parallel()
	h := startFaulty(t)
	for i, want := range []string{"failing;upstream, limited;rate_limit, good;ok", "failing;upstream, good;ok"} {
		for _, stream := range []bool{false, true} {
			if i == 0 && stream {
				continue // the limit is met once; then the endpoint's gate is shut
			}
			resp, body := post(t, h, "chain", "hi", stream)
			if resp.StatusCode != http.StatusOK || !strings.Contains(body, "hi") {
				t.Fatalf("%s %s", resp.Status, body)
			}
			if got := resp.Header.Get("x-backplane-tries"); got != want || resp.Header.Get("x-backplane-endpoint") != "good" {
				t.Errorf("stream %v: the story is %q by %q, want %q", stream, got, resp.Header.Get("x-backplane-endpoint"), want)
			}
		}
	}
	resp, body := post(t, h, "breaks", "one two three", true)
	if resp.Header.Get("x-backplane-endpoint") != "breaking" || !strings.Contains(body, "fail_after_words") || strings.Contains(body, "[DONE]") {
		t.Errorf("after the first chunk: by %q: %s", resp.Header.Get("x-backplane-endpoint"), body)
	}
	resp, body = post(t, h, "failing", "hi", false)
	if resp.StatusCode != http.StatusBadGateway || resp.Header.Get("x-backplane-tries") != "" {
		t.Errorf("one attempt alone: %s %q %s", resp.Status, resp.Header.Get("x-backplane-tries"), body)
	}
}

func TestACrashedPluginsRequestGoesToAnother(t *testing.T) {
	t.Parallel()
	h := startFaulty(t)
	resp, body := post(t, h, "crashes", "crash", false)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("x-backplane-tries") != "crashing;plugin_unavailable, other;ok" {
		t.Errorf("%s %q %s", resp.Status, resp.Header.Get("x-backplane-tries"), body)
	}
}

func TestASessionStaysAtOneOfRealEndpoints(t *testing.T) {
	t.Parallel()
	h := startFaulty(t)
	used := make(map[string]bool)
	for i := range 12 {
		session := fmt.Sprintf("s%d", i)
		resp, _ := post(t, h, "session", "hi", false, "X-Session", session)
		home := resp.Header.Get("x-backplane-endpoint")
		used[home] = true
		for range 3 {
			if resp, _ := post(t, h, "session", "hi", false, "x-session", session); resp.Header.Get("x-backplane-endpoint") != home {
				t.Errorf("%s went from %s to %s", session, home, resp.Header.Get("x-backplane-endpoint"))
			}
		}
	}
	if len(used) < 2 {
		t.Errorf("twelve sessions are all at %v", used)
	}
}

func TestARealSlowEndpointIsOutrun(t *testing.T) {
	t.Parallel()
	h := start(t, `
provider "echo" {}
endpoint "a" {
  provider = "echo"
  hedge {
    enabled = true
    budget  = 0.2
  }
}
endpoint "b" { provider = "echo" }
route "fast" { endpoints = ["a", "b"] }
`)
	for range 30 {
		for _, stream := range []bool{false, true} {
			if resp, body := post(t, h, "fast", "hi", stream); resp.StatusCode != http.StatusOK {
				t.Fatalf("%s %s", resp.Status, body)
			}
		}
	}
	if err := h.UpdateEndpoint(t.Context(), "a", host.EndpointSpec{"settings": map[string]any{"latency": "40s"}}); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []bool{false, true} {
		resp, body := post(t, h, "fast", "one two", stream)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("x-backplane-tries") != "b;ok;hedge, a;canceled" ||
			resp.Header.Get("x-backplane-endpoint") != "b" || stream && !strings.Contains(body, "[DONE]") {
			t.Errorf("stream %v: %s %q %s", stream, resp.Status, resp.Header.Get("x-backplane-tries"), body)
		}
	}
	stats, err := h.Stats("a")
	if err != nil || stats.InFlight != 0 || stats.Errors != 0 || stats.Canceled < 2 || stats.Circuit.Failures != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	if x, err := h.Explain("a"); err != nil || x.Hedge == nil || x.Hedge.Sent < 2 || x.Hedge.Won < 2 {
		t.Errorf("explained as %+v, %v", x.Hedge, err)
	}
}

func TestTenantsAndPrioritiesReachTheEndpoint(t *testing.T) {
	t.Parallel()
	h := startFaulty(t)
	if resp, body := post(t, h, "good", "hi", false, "Authorization", "Bearer sk-secret", "x-backplane-priority", "high"); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", resp.Status, body)
	}
	ctx := host.WithCaller(t.Context(), host.Caller{Tenant: "embedded", Priority: host.PriorityLow})
	if _, err := h.Chat(ctx, user("good", "hi")); err != nil {
		t.Fatal(err)
	}
	for tenant, priority := range map[string]string{"key-746b4ad1ca91": "high", "embedded": "low"} {
		found := h.Recent(status.RequestFilter{Tenant: tenant})
		if len(found) != 1 || found[0].Priority != priority {
			t.Errorf("of tenant %s there are %+v", tenant, found)
		}
	}
	resp, body := post(t, h, "good", "hi", false, "x-backplane-priority", "urgent")
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, `\"high\", \"normal\" or \"low\"`) || !strings.Contains(body, string(provider.CodeInvalidRequest)) {
		t.Errorf("%s %s", resp.Status, body)
	}
}
