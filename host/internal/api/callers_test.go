package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// seen is a fake core that keeps the caller of the latest request.
func seen() (*fakeCore, *caller.Caller) {
	core, _ := answering(`{}`, finished())
	got := new(caller.Caller)
	core.call = func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
		*got = *caller.From(ctx)
		return &provider.Response{Body: []byte(`{}`)}, nil
	}
	core.stream = func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
		*got = *caller.From(ctx)
		return newFakeStream(finished()), nil
	}
	core.transfer = func(ctx context.Context, _ *provider.TransferRequest) (*provider.TransferResponse, error) {
		*got = *caller.From(ctx)
		return nil, &provider.Error{Code: provider.CodeUnsupported}
	}
	core.operations = []provider.Operation{{Name: "object.get", Modes: []provider.Mode{provider.ModeTransfer}}, {Name: "object.list", Modes: []provider.Mode{provider.ModeCall}}}
	return core, got
}

func TestTheTenantIsTheKeyTheHeaderOrNobody(t *testing.T) {
	t.Parallel()
	key := caller.TenantOfKey("sk-1")
	for _, tt := range []struct {
		name, by string
		header   []string
		want     string
	}{
		{"a bearer token", "key", []string{"Authorization", "Bearer sk-1"}, key},
		{"the key of other services' clients", "key", []string{"x-api-key", "sk-1"}, key},
		{"the key of Azure's clients", "key", []string{"api-key", "sk-1"}, key},
		{"a key for the service comes first", "key", []string{"Authorization", "Bearer dummy", "x-backplane-api-key", "sk-1"}, key},
		{"no key", "key", nil, ""},
		{"a header", "header:x-team", []string{"Authorization", "Bearer sk-1", "X-Team", "billing"}, "billing"},
		{"the header is missing", "header:X-Team", []string{"Authorization", "Bearer sk-1"}, ""},
		{"nothing", "none", []string{"Authorization", "Bearer sk-1", "X-Team", "billing"}, ""},
		{"nothing configured", "", []string{"Authorization", "Bearer sk-1"}, ""},
	} {
		core, got := seen()
		w := post(api.New(core, api.Options{TenantBy: tt.by}), "/v1/chat/completions", hello, tt.header...)
		if w.Code != http.StatusOK || got.Tenant != tt.want {
			t.Errorf("%s: tenant %q, want %q (%d)", tt.name, got.Tenant, tt.want, w.Code)
		}
	}
}

func TestEveryWayToAskCarriesTheCaller(t *testing.T) {
	t.Parallel()
	for _, ask := range []struct{ method, path, body string }{
		{"POST", "/v1/chat/completions", hello},
		{"POST", "/v1/chat/completions", helloStream},
		{"POST", "/v1/audio/speech", `{"model":"m","input":"x"}`},
		{"POST", "/v1/endpoints/fast/object.get", `{}`},
		{"GET", "/v1/endpoints/fast/objects/b/k", ""},
		{"GET", "/v1/endpoints/fast/objects/b", ""},
	} {
		core, got := seen()
		r := httptest.NewRequest(ask.method, ask.path, strings.NewReader(ask.body))
		r.Header.Set("x-team", "t")
		r.Header.Set("x-importance", "high")
		r.Header.Set("X-Backplane-Timeout", "1m")
		api.New(core, api.Options{TenantBy: "header:x-team", PriorityHeader: "x-importance", CallerHeaders: func() bool { return true }}).ServeHTTP(httptest.NewRecorder(), r)
		if got.Tenant != "t" || got.Priority != caller.High || got.HeaderValue("x-team") != "t" {
			t.Errorf("%s %s: %+v", ask.method, ask.path, got)
		}
	}
}

func TestAPriorityIsOneOfThree(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]caller.Priority{"": caller.Normal, "low": caller.Low, "Normal": caller.Normal, "HIGH": caller.High} {
		core, got := seen()
		if w := post(api.New(core, api.Options{PriorityHeader: "x-p"}), "/v1/chat/completions", hello, "X-P", text); w.Code != http.StatusOK || got.Priority != want {
			t.Errorf("%q: %v, want %v (%d)", text, got.Priority, want, w.Code)
		}
	}
	core, _ := seen()
	core.call = nil // a request of no priority goes nowhere
	w := post(api.New(core, api.Options{PriorityHeader: "x-p"}), "/v1/chat/completions", hello, "x-p", "urgent"+strings.Repeat("!", 100))
	want := `header x-p: \"urgent!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!\" is no priority; write \"high\", \"normal\" or \"low\"`
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"param":"x-p"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	core, got := seen()
	if w := post(api.New(core, api.Options{}), "/v1/chat/completions", hello, "x-p", "urgent"); w.Code != http.StatusOK || got.Priority != caller.Normal {
		t.Errorf("a header that means nothing: %d, %v", w.Code, got.Priority)
	}
}

func TestTheProgramAroundTheHostKnowsItsCallersBest(t *testing.T) {
	t.Parallel()
	core, got := seen()
	h := api.New(core, api.Options{TenantBy: "key", PriorityHeader: "x-p", CallerHeaders: func() bool { return true }})
	r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(hello))
	r.Header.Set("Authorization", "Bearer k")
	r.Header.Set("x-p", "high")
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(caller.With(r.Context(), &caller.Caller{Tenant: "signed-in", Priority: caller.Low})))
	if got.Tenant != "signed-in" || got.Priority != caller.Low || got.HeaderValue("x-p") != "high" {
		t.Errorf("got %+v", got)
	}
}

func TestKnowingTheCallerCostsAtMostOneAllocation(t *testing.T) {
	core, _ := answering(`{}`)
	core.call = func(context.Context, *provider.Request) (*provider.Response, error) {
		return &provider.Response{Body: []byte(`{}`)}, nil
	}
	cost := func(opts api.Options, header ...string) float64 {
		h := api.New(core, opts)
		req := httptest.NewRequest("POST", "/v1/chat/completions", nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		body := &rewound{}
		req.Body, req.ContentLength = body, int64(len(hello))
		w := &nowhere{header: make(http.Header)}
		return testing.AllocsPerRun(200, func() {
			body.Reset([]byte(hello))
			clear(w.header)
			h.ServeHTTP(w, req)
		})
	}
	key := []string{"Authorization", "Bearer sk-0123456789"}
	none := cost(api.Options{TenantBy: "none"}, key...)
	if got := cost(api.Options{TenantBy: "none", PriorityHeader: "x-p"}, key...); got > none {
		t.Errorf("a priority that nobody names costs %v allocations", got-none)
	}
	if got := cost(api.Options{TenantBy: "none", PriorityHeader: "x-p", CallerHeaders: func() bool { return true }}, append(key, "x-p", "high")...); got > none {
		t.Errorf("a priority and the headers cost %v allocations", got-none)
	}
	if got := cost(api.Options{TenantBy: "header:authorization"}, key...); got > none {
		t.Errorf("the name of a tenant costs %v allocations", got-none)
	}
	if got := cost(api.Options{TenantBy: "key", PriorityHeader: "x-p", CallerHeaders: func() bool { return true }}, key...); got > none+1 {
		t.Errorf("the key of a tenant costs %v allocations, want one", got-none)
	}
}

func TestTheStoryOfSeveralAttemptsIsInAHeader(t *testing.T) {
	t.Parallel()
	try := func(endpoint string, code provider.Code) status.Try {
		return status.Try{Endpoint: endpoint, Number: 1, Code: code}
	}
	hedge := try("slow", "")
	hedge.Hedge = true
	var long []status.Try
	for range 100 {
		long = append(long, try("e", provider.CodeUpstream))
	}
	for _, tt := range []struct {
		name  string
		tries []status.Try
		want  string
	}{
		{"none", nil, ""},
		{"the only one", []status.Try{try("fast", "")}, ""},
		{"a fallback", []status.Try{try("fast", provider.CodeTimeout), try("slow", "")}, "fast;timeout, slow;ok"},
		{"a hedge", []status.Try{hedge, try("fast", provider.CodeCanceled)}, "slow;ok;hedge, fast;canceled"},
		{"a long one", append(long, try("slow", "")), strings.Repeat("e;upstream, ", maxTries-1) + "slow;ok"},
	} {
		core, _ := answering(`{}`)
		core.report = status.Report{Endpoint: "slow", Attempts: len(tt.tries), Tries: tt.tries}
		if got := post(api.New(core, api.Options{}), "/v1/chat/completions", hello).Header().Get("X-Backplane-Tries"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

const maxTries = 16

// TestTheBodyOfSeveralAttemptsIsNotUsedAgain: one that was cut short may still be
// reading it.
func TestTheBodyOfSeveralAttemptsIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	for _, body := range []string{hello, helloStream} {
		var kept []byte
		core, _ := answering(`{}`)
		core.report = status.Report{Endpoint: "e", Attempts: 2}
		core.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			kept = req.Body
			return &provider.Response{Body: []byte(`{}`)}, nil
		}
		core.stream = func(_ context.Context, req *provider.Request) (provider.EventStream, error) {
			kept = req.Body
			return newFakeStream(finished()), nil
		}
		h := api.New(core, api.Options{})
		post(h, "/v1/chat/completions", body)
		first := kept
		for range 50 {
			post(h, "/v1/chat/completions", body)
			if &kept[0] == &first[0] {
				t.Fatal("the memory was used again")
			}
		}
	}
}
