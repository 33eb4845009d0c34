package host_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// What becomes of requests that fail, wait or are left: the other half of the
// interface reference, see reference_test.go.

func TestErrorsOfTheServiceKeepTheirClass(t *testing.T) {
	t.Parallel()
	url := fakeService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}`)
	})
	h := start(t, openaiConfig(url, "retry { max = 0 }"), "OPENAI_API_KEY", "k")
	_, err := h.Chat(t.Context(), user("openai", "x"))
	e := provider.AsError(err)
	if !e.IsRateLimit() || !e.IsTransient() || e.IsAuth() || e.IsTimeout() || e.StatusCode != 429 ||
		e.RetryAfter != 7*time.Second || e.UpstreamCode != "rate_limit_exceeded" || e.Source != provider.SourceUpstream {
		t.Errorf("got %+v", e)
	}
}

func TestARetryMendsAPassingFailureAndIsReported(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	url := fakeService(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, completion)
	})
	h := start(t, openaiConfig(url, `retry { initial_delay = "10ms" }`), "OPENAI_API_KEY", "k")
	resp, err := http.Post("http://"+h.Addr()+"/v1/chat/completions", "application/json",
		strings.NewReader(`{"model":"openai","messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 200 || resp.Header.Get("x-backplane-attempts") != "2" {
		t.Errorf("%s after %s attempts", resp.Status, resp.Header.Get("x-backplane-attempts"))
	}
	if stats, _ := h.Stats("openai"); stats.Retries != 1 || stats.Success != 1 {
		t.Errorf("stats %+v", stats)
	}
}

func TestTheCircuitOpensAndSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	url := fakeService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	h := start(t, openaiConfig(url, "retry { max = 0 }", "breaker { min_requests = 4 }"), "OPENAI_API_KEY", "k")
	var last *provider.Error
	for range 6 {
		_, err := h.Chat(t.Context(), user("openai", "x"))
		last = provider.AsError(err)
	}
	if last.Code != provider.CodeCircuitOpen || last.RetryAfter <= 0 {
		t.Errorf("after six failures: %v", last)
	}
	stats, err := h.Stats("openai")
	if err != nil {
		t.Fatal(err)
	}
	if stats.Circuit.State != status.CircuitOpen || stats.Circuit.Trips != 1 || stats.Attempts != 4 {
		t.Errorf("circuit %+v after %d attempts", stats.Circuit, stats.Attempts)
	}
}

func TestTheQueueRefusesWhatItCannotHold(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	url := fakeService(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, completion)
	})
	h := start(t, openaiConfig(url, "queue {\n max_concurrent = 1\n size = 1\n}"), "OPENAI_API_KEY", "k")
	results := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := h.Chat(t.Context(), user("openai", "x"))
			results <- err
		}()
	}
	refused := provider.AsError(<-results)
	if refused == nil || refused.Code != provider.CodeQueueFull || refused.RetryAfter <= 0 {
		t.Errorf("the third request: %v", refused)
	}
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("a request that had a place: %v", err)
		}
	}
}

func TestTheCallersLeaveCancelsUpstream(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	h := start(t, openaiConfig(url), "OPENAI_API_KEY", "k")
	resp, err := http.Post("http://"+h.Addr()+"/v1/chat/completions", "application/json",
		strings.NewReader(`{"model":"openai","stream":true,"messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "data: {") {
		t.Fatalf("first line %q, %v", line, err)
	}
	_ = resp.Body.Close()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Fatal("the service's connection is still open")
	}
}

func TestARequestIDAndATimeoutOfTheCallAreHonoured(t *testing.T) {
	t.Parallel()
	url := fakeService(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h := start(t, openaiConfig(url, "retry { max = 0 }"), "OPENAI_API_KEY", "k")
	req, err := http.NewRequest(http.MethodPost, "http://"+h.Addr()+"/v1/chat/completions",
		strings.NewReader(`{"model":"openai","messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-request-id", "mine-42")
	req.Header.Set("x-backplane-timeout", "150ms")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusGatewayTimeout || resp.Header.Get("x-request-id") != "mine-42" || !strings.Contains(string(body), `"code":"timeout"`) {
		t.Errorf("%s %v %s", resp.Status, resp.Header, body)
	}
}
