package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestBodiesPassThroughByteForByte(t *testing.T) {
	t.Parallel()
	for path, operation := range map[string]string{
		"/v1/chat/completions": provider.OpChat, "/v1/completions": provider.OpCompletions, "/v1/responses": provider.OpResponses,
		"/v1/embeddings": provider.OpEmbeddings, "/v1/moderations": provider.OpModerations, "/v1/rerank": provider.OpRerank,
		"/v1/images/generations": provider.OpImagesGenerate,
	} {
		const sent = "{ \"model\":\"m\",\n\t\"new_field\": [1.0, 1e3, \"\\u00e9\"] }"
		const answer = "{ \"choices\":[{}] , \"later\": 1.50 }\n"
		core, rec := answering(answer)
		w := post(api.New(core, api.Options{}), path, sent)
		if w.Code != 200 || w.Body.String() != answer {
			t.Errorf("%s: got %d %q, want %q", path, w.Code, w.Body, answer)
		}
		if got := w.Header().Get("Content-Length"); got != fmt.Sprint(len(answer)) {
			t.Errorf("%s: content length %q", path, got)
		}
		req, body := rec.request()
		if req.Operation != operation || req.Model != "m" || body != sent {
			t.Errorf("%s: the core got %+v with %q", path, req, body)
		}
	}
}

func TestAnyContentTypeIsTakenForJSON(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", "nonsense;;"} {
		core, _ := answering(`{}`)
		if w := post(api.New(core, api.Options{}), "/v1/chat/completions", hello, "Content-Type", contentType); w.Code != 200 {
			t.Errorf("%q: got %d %s", contentType, w.Code, w.Body)
		}
	}
}

func TestHeadersOfTheCallerBecomeTheRequest(t *testing.T) {
	t.Parallel()
	core, rec := answering(`{}`)
	h := api.New(core, api.Options{ForwardHeaders: func() []api.ForwardHeader {
		return api.ForwardHeaders([]string{"openai-beta", "x-missing", "authorization", "cookie", "x-backplane-api-key",
			"Authorization", "COOKIE", "X-Backplane-Api-Key", "X-Api-Key", "x-goog-api-key"})
	}})
	w := post(h, "/v1/chat/completions", `{"messages":[]}`,
		"X-Request-Id", "trace-1", "X-Backplane-Endpoint", "fast", "X-Backplane-Api-Key", "sk-secret",
		"Authorization", "Bearer callers-own", "Cookie", "a=b", "X-Api-Key", "k1", "X-Goog-Api-Key", "k2", "OpenAI-Beta", "assistants=v2", "X-Other", "no")
	if w.Code != 200 || w.Header().Get("X-Request-Id") != "trace-1" {
		t.Fatalf("got %d, id %q: %s", w.Code, w.Header().Get("X-Request-Id"), w.Body)
	}
	req, _ := rec.request()
	if req.RequestID != "trace-1" || req.Endpoint != "fast" || req.Credential.Reveal() != "sk-secret" {
		t.Errorf("got %+v", req)
	}
	if len(req.Header) != 1 || req.Header["openai-beta"] != "assistants=v2" {
		t.Errorf("forwarded %v, want openai-beta alone", req.Header)
	}
	if printed := fmt.Sprintf("%+v", req); strings.Contains(printed, "sk-secret") || strings.Contains(printed, "callers-own") {
		t.Errorf("a key shows in %s", printed)
	}
}

func TestARequestIDIsMadeWhereTheCallersIsMissingOrUnfit(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, id := range []string{"", "with space", "new\tline", "é", strings.Repeat("x", 129)} {
		core, rec := answering(`{}`)
		w := post(api.New(core, api.Options{}), "/v1/chat/completions", hello, "X-Request-Id", id)
		req, _ := rec.request()
		got := w.Header().Get("X-Request-Id")
		if len(got) != 28 || !strings.HasPrefix(got, "req_") || got != req.RequestID || seen[got] {
			t.Errorf("%q: answered %q, core got %q", id, got, req.RequestID)
		}
		seen[got] = true
	}
}

func TestTheAnswerTellsWhoAnsweredAndWhereTheTimeWent(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{}`)
	core.report = status.Report{Endpoint: "fast", Attempts: 2, QueueWait: 1200 * time.Microsecond, ProviderTime: 120500 * time.Microsecond, Total: 122 * time.Millisecond}
	w := post(api.New(core, api.Options{}), "/v1/chat/completions", hello)
	want := map[string]string{"X-Backplane-Endpoint": "fast", "X-Backplane-Attempts": "2", "Server-Timing": "queue;dur=1.2, host;dur=0.3, provider;dur=120.5"}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	core.report.Backoff, core.report.Total = time.Second, time.Second // clocks may disagree; nothing gets negative
	w = post(api.New(core, api.Options{}), "/v1/chat/completions", hello)
	if got, want := w.Header().Get("Server-Timing"), "queue;dur=1.2, host;dur=0, provider;dur=120.5, backoff;dur=1000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFailedRequestTellsItToo(t *testing.T) {
	t.Parallel()
	core := &fakeCore{
		report: status.Report{Endpoint: "fast", Attempts: 4},
		call: func(context.Context, *provider.Request) (*provider.Response, error) {
			return nil, &provider.Error{Code: provider.CodeUpstream, Message: "m"}
		},
	}
	w := post(api.New(core, api.Options{}), "/v1/chat/completions", hello)
	if w.Header().Get("X-Backplane-Endpoint") != "fast" || w.Header().Get("X-Backplane-Attempts") != "4" {
		t.Errorf("headers %v", w.Header())
	}
	core.report = status.Report{}
	w = post(api.New(core, api.Options{}), "/v1/chat/completions", hello)
	if _, there := w.Header()["X-Backplane-Endpoint"]; there {
		t.Error("a request without endpoint names one")
	}
}

func TestWhatTheServiceReportsReachesTheCaller(t *testing.T) {
	t.Parallel()
	core := &fakeCore{call: func(context.Context, *provider.Request) (*provider.Response, error) {
		return &provider.Response{
			ContentType: "application/json; charset=utf-8",
			Meta: provider.Meta{
				RequestID: "up_1",
				RateLimits: []provider.RateLimit{
					{Meter: "requests", Limit: 100, Remaining: 99, Reset: 1500 * time.Millisecond},
					{Meter: "input_tokens", Limit: 5000},
				},
				Header: map[string]string{"openai-processing-ms": "12", "x-request-id": "evil", "content-length": "1", "set-cookie": "a", "x-backplane-endpoint": "evil"},
			},
			Body: []byte(`{}`),
		}, nil
	}}
	w := post(api.New(core, api.Options{}), "/v1/chat/completions", hello, "X-Request-Id", "mine")
	for name, want := range map[string]string{
		"X-Backplane-Upstream-Request-Id": "up_1", "X-Ratelimit-Limit-Requests": "100", "X-Ratelimit-Remaining-Requests": "99",
		"X-Ratelimit-Reset-Requests": "1.5s", "X-Ratelimit-Limit-Input-Tokens": "5000", "X-Ratelimit-Remaining-Input-Tokens": "0",
		"X-Ratelimit-Reset-Input-Tokens": "", "Openai-Processing-Ms": "12", "X-Request-Id": "mine", "Content-Length": "2",
		"Set-Cookie": "", "X-Backplane-Endpoint": "", "Content-Type": "application/json; charset=utf-8",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestTheCallersTimeoutIsTheDeadlineOfACall(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"30s": 30 * time.Second, "1m30s": 90 * time.Second, "1500": 1500 * time.Millisecond, "": 0} {
		var left time.Duration
		core := &fakeCore{call: func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
			if end, ok := ctx.Deadline(); ok {
				left = time.Until(end)
			}
			return &provider.Response{Body: []byte("{}")}, nil
		}}
		post(api.New(core, api.Options{}), "/v1/chat/completions", hello, "X-Backplane-Timeout", text)
		if left > want || left < want-5*time.Second {
			t.Errorf("%q: %s left, want about %s", text, left, want)
		}
	}
	for _, text := range []string{"0", "-1", "-5s", "25h", "1e3", "99999999999999999999", "NaN"} {
		if w := post(api.New(&fakeCore{}, api.Options{}), "/v1/chat/completions", hello, "X-Backplane-Timeout", text); w.Code != 400 {
			t.Errorf("%q: got %d", text, w.Code)
		}
	}
}

func TestModelsAreListedComplete(t *testing.T) {
	t.Parallel()
	core := &fakeCore{models: func() ([]provider.Model, error) {
		return []provider.Model{
			{ID: "fast", OwnedBy: "openai", Created: 5, Extra: provider.Extra{"context_window": json.RawMessage("8192")}},
			{ID: "org/model"},
		}, nil
	}}
	h := api.New(core, api.Options{})
	tests := []struct {
		path string
		code int
		want string
	}{
		{"/v1/models", 200, `{"object":"list","data":[{"id":"fast","object":"model","created":5,"owned_by":"openai","context_window":8192},` +
			`{"id":"org/model","object":"model","created":0,"owned_by":"unknown"}]}`},
		{"/v1/models/org/model", 200, `{"id":"org/model","object":"model","created":0,"owned_by":"unknown"}`},
		{"/v1/models/org%2Fmodel", 200, `{"id":"org/model","object":"model","created":0,"owned_by":"unknown"}`},
		{"/v1/models/fats", 404, `{"error":{"message":"model \"fats\" is not known; did you mean \"fast\"?","type":"invalid_request_error","param":"model","code":"model_not_found"}}`},
		{"/v1/models/zzz", 404, `{"error":{"message":"model \"zzz\" is not known; GET /v1/models lists those that are","type":"invalid_request_error","param":"model","code":"model_not_found"}}`},
	}
	for _, tt := range tests {
		if w := get(h, tt.path); w.Code != tt.code || w.Body.String() != tt.want {
			t.Errorf("%s: got  %d %s\nwant %d %s", tt.path, w.Code, w.Body, tt.code, tt.want)
		}
	}
	core.models = func() ([]provider.Model, error) { return nil, nil }
	if w := get(h, "/v1/models"); w.Body.String() != `{"object":"list","data":[]}` {
		t.Errorf("no models: %s", w.Body)
	}
	core.models = func() ([]provider.Model, error) {
		return nil, &provider.Error{Code: provider.CodeShutdown, Message: "m"}
	}
	for _, path := range []string{"/v1/models", "/v1/models/x"} {
		if w := get(h, path); w.Code != 503 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
}

func TestHealthReadinessAndMetrics(t *testing.T) {
	t.Parallel()
	core := &fakeCore{}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "numbers 1\n") })
	h := api.New(core, api.Options{Metrics: metrics})
	for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`, "/metrics": "numbers 1\n"} {
		if w := get(h, path); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
	core.notReady = "provider openai: starting"
	if w := get(h, "/readyz"); w.Code != 503 || w.Body.String() != `{"status":"not ready","reason":"provider openai: starting"}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := get(h, "/healthz"); w.Code != 200 {
		t.Errorf("a host that is not ready still lives, got %d", w.Code)
	}
	if w := get(api.New(core, api.Options{}), "/metrics"); w.Code != 404 {
		t.Errorf("without metrics: got %d", w.Code)
	}
}
