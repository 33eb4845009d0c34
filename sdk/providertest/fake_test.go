package providertest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func startTestFake(t *testing.T) *fake {
	t.Helper()
	f, err := startFake(*OpenAI())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f
}

func post(ctx context.Context, t *testing.T, f *fake, path, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, err
}

const streamBody = `{"model":"m","stream":true,"messages":[{"role":"user","content":"one two three"}],"stream_options":{"include_usage":true}}`

func TestTheServiceAnswersEveryKnownPathWithJSON(t *testing.T) {
	t.Parallel()
	f := startTestFake(t)
	for _, path := range []string{
		"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/v1/rerank", "/v1/responses",
		"/v1/moderations", "/v1/images/generations", "/v1/files", "/v1/batches/b1/cancel",
	} {
		resp, err := post(t.Context(), t, f, path, `{"model":"a \"quoted\" one"}`)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]json.RawMessage
		if err := json.NewDecoder(resp.Body).Decode(&object); err != nil || object[unknownField] == nil {
			t.Errorf("%s: %v, fields %v, want JSON with the unknown field", path, err, object)
		}
	}
}

func TestTheServiceStreamsWordsUsageAndTheEndMarker(t *testing.T) {
	t.Parallel()
	resp, err := post(t.Context(), t, startTestFake(t), "/v1/chat/completions", streamBody)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	events := strings.Split(strings.TrimSuffix(string(body), "\n\n"), "\n\n")
	if len(events) != 6 || events[5] != "data: [DONE]" || !strings.Contains(events[4], `"total_tokens":5`) {
		t.Errorf("got %d events, want three words, the end, the usage and [DONE]:\n%s", len(events), body)
	}
}

func TestAHeldStreamFallsSilentAfterItsFirstEvent(t *testing.T) {
	t.Parallel()
	f := startTestFake(t)
	release := make(chan struct{})
	f.script(holdStream(release))
	resp, err := post(t.Context(), t, f, "/v1/chat/completions", streamBody)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || !strings.Contains(lines.Text(), "one") {
		t.Fatalf("first line is %q", lines.Text())
	}
	close(release)
	last := ""
	for lines.Scan() {
		if lines.Text() != "" {
			last = lines.Text()
		}
	}
	if last != "data: [DONE]" {
		t.Errorf("the released stream ended with %q", last)
	}
}

func TestTheServiceNoticesThatARequestWasLetGo(t *testing.T) {
	t.Parallel()
	f := startTestFake(t)
	f.script(hang)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := post(ctx, t, f, "/v1/chat/completions", `{}`)
		failed <- err
	}()
	got, err := f.first(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-got.left:
		t.Fatal("the request was let go before the cancel")
	default:
	}
	cancel()
	select {
	case <-got.left:
	case <-time.After(5 * time.Second):
		t.Error("the service did not notice the cancel")
	}
	if <-failed == nil {
		t.Error("a hanging request was answered")
	}
}

func TestACutStreamAndACutBodyEndInAnError(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]behaviour{"stream": cutStream(), "body": cutBody("application/json", `{"a":`)} {
		f := startTestFake(t)
		f.script(b)
		resp, err := post(t.Context(), t, f, "/v1/chat/completions", streamBody)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: ended in good order with %q", name, body)
		}
	}
}

func TestAnEndedStreamCarriesNothingButTheGivenText(t *testing.T) {
	t.Parallel()
	f := startTestFake(t)
	f.script(endStream("data: oops\n\n"))
	resp, err := post(t.Context(), t, f, "/v1/chat/completions", streamBody)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	events := strings.Split(strings.TrimSuffix(string(body), "\n\n"), "\n\n")
	if len(events) != 2 || events[1] != "data: oops" {
		t.Errorf("got %q, want the first event and the text", body)
	}
}

func TestTheServiceCountsRequestsAndConnectionsSinceTheScript(t *testing.T) {
	t.Parallel()
	f := startTestFake(t)
	for range 2 {
		if _, err := post(t.Context(), t, f, "/v1/models", `{"key":"k1"}`); err != nil {
			t.Fatal(err)
		}
	}
	got := f.requests()
	if len(got) != 2 || f.connections() != 2 || !got[0].mentions("k1") || got[0].mentions("k2") {
		t.Errorf("%d requests on %d connections", len(got), f.connections())
	}
	f.script(nil)
	if len(f.requests()) != 0 || f.connections() != 0 {
		t.Error("the script did not forget what came before")
	}
}
