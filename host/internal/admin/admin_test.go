package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/admin"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// do sends one request to a handler.
func do(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

// recent is how the fake host notes that it was asked for requests.
func recent(filter status.RequestFilter) string { return fmt.Sprintf("Recent %+v", filter) }

func TestEveryRouteReachesItsMethod(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method, path, body string
		code               int
		call               string
	}{
		{"GET", "/admin/v1/endpoints", "", 200, "Endpoints"},
		{"POST", "/admin/v1/endpoints", `{"provider":"echo"}`, 201, `CreateEndpoint {"provider":"echo"}`},
		{"GET", "/admin/v1/endpoints/fast", "", 200, "Endpoint fast"},
		{"GET", "/admin/v1/endpoints/a%2Fb%20c", "", 200, "Endpoint a/b c"},
		{"HEAD", "/admin/v1/endpoints/fast", "", 200, "Endpoint fast"},
		{"PATCH", "/admin/v1/endpoints/fast", `{"timeout":"5s"}`, 200, `UpdateEndpoint fast {"timeout":"5s"}`},
		{"DELETE", "/admin/v1/endpoints/fast", "", 204, "DeleteEndpoint fast"},
		{"POST", "/admin/v1/endpoints/fast/test", "", 200, "TestEndpoint fast"},
		{"GET", "/admin/v1/endpoints/fast/stats", "", 200, "EndpointStats fast"},
		{"DELETE", "/admin/v1/endpoints/fast/stats", "", 204, "ResetStats fast"},
		{"GET", "/admin/v1/stats", "", 200, "Stats"},
		{"GET", "/admin/v1/endpoints/fast/explain", "", 200, "Explain fast"},
		{"PUT", "/admin/v1/endpoints/fast/circuit", `{"state":"open"}`, 200, `OpenCircuit fast "" 0s`},
		{"PUT", "/admin/v1/endpoints/fast/circuit", `{"state":"open","for":"10m","reason":"night"}`, 200, `OpenCircuit fast "night" 10m0s`},
		{"PUT", "/admin/v1/endpoints/fast/circuit", `{"state":"closed","reason":"day"}`, 200, `CloseCircuit fast "day"`},
		{"GET", "/admin/v1/requests", "", 200, recent(status.RequestFilter{Limit: 100})},
		{"GET", "/admin/v1/requests?endpoint=fast&limit=7&model=&text=x", "", 200, recent(status.RequestFilter{Endpoint: "fast", Limit: 7, Text: "x"})},
		{"GET", "/admin/v1/requests?model=m&tenant=t&id=i&code=timeout&since=2026-01-02T04:04:05%2B01:00&slower=2.5s", "", 200,
			recent(status.RequestFilter{Model: "m", Tenant: "t", ID: "i", Code: provider.CodeTimeout, Since: when, Slower: 2500 * time.Millisecond, Limit: 100})},
		{"GET", "/admin/v1/requests?code=failed", "", 200, recent(status.RequestFilter{Code: status.CodeFailed, Limit: 100})},
		{"GET", "/admin/v1/requests/req%2F1", "", 200, recent(status.RequestFilter{ID: "req/1"})},
		{"GET", "/admin/v1/providers", "", 200, "Providers"},
		{"GET", "/admin/v1/providers/echo", "", 200, "Provider echo"},
		{"GET", "/admin/v1/models", "", 200, "Models"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			t.Parallel()
			core := &fakeCore{}
			w := do(admin.New(core, admin.Options{}), tt.method, tt.path, tt.body)
			if w.Code != tt.code || core.last() != tt.call {
				t.Errorf("got %d and %q, want %d and %q: %s", w.Code, core.last(), tt.code, tt.call, w.Body)
			}
			if w.Code == 200 && w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("content type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestACreatedEndpointHasALocation(t *testing.T) {
	t.Parallel()
	w := do(admin.New(&fakeCore{}, admin.Options{}), "POST", "/admin/v1/endpoints", `{}`)
	if got, want := w.Header().Get("Location"), "/admin/v1/endpoints/new%20one"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMistakesOfTheCallerAreExplained(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/admin/v1/nothing", "", 404, `{"error":{"code":"not_found","message":"there is nothing at /admin/v1/nothing; /admin/v1/openapi.json describes what there is"}}`},
		{"GET", "/other", "", 404, `{"error":{"code":"not_found","message":"there is nothing at /other; /admin/v1/openapi.json describes what there is"}}`},
		{"PUT", "/admin/v1/endpoints/fast", "", 405, `{"error":{"code":"method_not_allowed","message":"PUT is not allowed for /admin/v1/endpoints/fast; use one of DELETE, GET, HEAD, OPTIONS, PATCH"}}`},
		{"POST", "/admin/v1/stats", "", 405, `{"error":{"code":"method_not_allowed","message":"POST is not allowed for /admin/v1/stats; use one of GET, HEAD, OPTIONS"}}`},
		{"POST", "/admin/v1/endpoints", `{"a":`, 400, `{"error":{"code":"invalid_request","message":"the body must be a JSON object with the names of the endpoint block: unexpected end of JSON input"}}`},
		{"POST", "/admin/v1/endpoints", `null`, 400, `{"error":{"code":"invalid_request","message":"the body must be a JSON object with the names of the endpoint block: it is null"}}`},
		{"PATCH", "/admin/v1/endpoints/fast", `[1]`, 400, `{"error":{"code":"invalid_request","message":"the body must be a JSON object with the names of the endpoint block: json: cannot unmarshal array into Go value of type map[string]json.RawMessage"}}`},
		{"POST", "/admin/v1/endpoints", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, 413, `{"error":{"code":"too_large","message":"the body is larger than 1048576 bytes, the most that is taken"}}`},
		{"GET", "/admin/v1/requests?limit=0", "", 400, `{"error":{"code":"invalid_request","message":"limit must be a number from 1 to 10000, found \"0\"","param":"limit"}}`},
		{"GET", "/admin/v1/requests?limit=many", "", 400, `{"error":{"code":"invalid_request","message":"limit must be a number from 1 to 10000, found \"many\"","param":"limit"}}`},
		{"PUT", "/admin/v1/endpoints/fast/circuit", `{"state":"half_open","untl":"x"}`, 400, `{"error":{"code":"invalid_request","message":"the circuit's state has 2 mistakes","diagnostics":[` +
			`{"path":"state","summary":"Value not allowed","detail":"\"state\" must be one of \"open\", \"closed\", but is \"half_open\"."},` +
			`{"path":"untl","summary":"Unsupported setting","detail":"There is no setting \"untl\" here. Allowed are \"state\", \"for\", \"reason\"."}]}}`},
		{"PUT", "/admin/v1/endpoints/fast/circuit", `{"state":"closed","for":"10m"}`, 400, `{"error":{"code":"invalid_request","message":"\"for\" goes with \"open\": a circuit that is closed stays so until the service fails","param":"for"}}`},
		{"GET", "/admin/v1/requests?colour=red", "", 400, `{"error":{"code":"invalid_request","message":"there is no filter \"colour\"; use code, endpoint, id, limit, model, since, slower, tenant or text","param":"colour"}}`},
		{"GET", "/admin/v1/requests?slower=2", "", 400, `{"error":{"code":"invalid_request","message":"slower must be a duration with its unit, such as \"250ms\", found \"2\"","param":"slower"}}`},
		{"GET", "/admin/v1/requests?since=yesterday", "", 400, `{"error":{"code":"invalid_request","message":"since must be a time such as 2026-01-31T15:04:05Z, or how long ago, such as \"15m\", found \"yesterday\"","param":"since"}}`},
		{"GET", "/admin/v1/requests?model=a&model=b", "", 400, `{"error":{"code":"invalid_request","message":"model must be given once, found \"a, b\"","param":"model"}}`},
		{"GET", "/admin/v1/requests/nobody", "", 404, `{"error":{"code":"not_found","message":"no request \"nobody\" is remembered; requests are kept for an hour, within bounds","param":"id"}}`},
		{"GET", "/admin/v1/requests?endpoint=slow", "", 404, `{"error":{"code":"not_found","message":"endpoint \"slow\" is not known","param":"endpoint"}}`},
	}
	for _, tt := range tests {
		w := do(admin.New(&fakeCore{}, admin.Options{}), tt.method, tt.path, tt.body)
		if w.Code != tt.code || w.Body.String() != tt.want {
			t.Errorf("%s %s: got %d %s\nwant %d %s", tt.method, tt.path, w.Code, w.Body, tt.code, tt.want)
		}
	}
}

func TestAnUnknownCodeNamesTheKnownOnes(t *testing.T) {
	t.Parallel()
	w := do(admin.New(&fakeCore{}, admin.Options{}), "GET", "/admin/v1/requests?code=timeot", "")
	for _, word := range []string{"timeout", "queue_full", "ok or failed", `found \"timeot\"`} {
		if !strings.Contains(w.Body.String(), word) {
			t.Errorf("%q is missing in %s", word, w.Body)
		}
	}
	if w.Code != 400 {
		t.Errorf("status %d", w.Code)
	}
}

func TestATimeCanBeSaidAsHowLongAgo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core := &fakeCore{}
		do(admin.New(core, admin.Options{}), "GET", "/admin/v1/requests?since=15m", "")
		if want := recent(status.RequestFilter{Since: time.Now().Add(-15 * time.Minute).UTC(), Limit: 100}); core.last() != want {
			t.Errorf("got %s, want %s", core.last(), want)
		}
	})
}

func TestARequestIsToldFromItsBeginning(t *testing.T) {
	t.Parallel()
	w := do(admin.New(&fakeCore{}, admin.Options{}), "GET", "/admin/v1/requests/req", "")
	var body struct{ Data []status.Request }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body.Data) != 2 || body.Data[0].ID != "req_1" {
		t.Errorf("%v: %s", err, w.Body)
	}
}

func TestOptionsListsTheMethods(t *testing.T) {
	t.Parallel()
	w := do(admin.New(&fakeCore{}, admin.Options{}), "OPTIONS", "/admin/v1/endpoints", "")
	if w.Code != 204 || w.Header().Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestWrongSettingsComeBackAsDiagnostics(t *testing.T) {
	t.Parallel()
	wrong := &provider.ConfigError{Diagnostics: []schema.Diagnostic{
		{Path: "queue.size", Summary: "Wrong type", Detail: "write a number"},
		{Path: "colour", Warning: true, Summary: "Deprecated"},
	}}
	for name, err := range map[string]error{
		"plain":   wrong,
		"wrapped": provider.Errorf(provider.CodeInvalidRequest, "the endpoint has mistakes: %w", wrong),
	} {
		core := &fakeCore{fail: err}
		w := do(admin.New(core, admin.Options{}), "POST", "/admin/v1/endpoints", `{}`)
		const want = `{"error":{"code":"invalid_request","message":"the endpoint has 1 mistake",` +
			`"diagnostics":[{"path":"queue.size","summary":"Wrong type","detail":"write a number"},{"path":"colour","warning":true,"summary":"Deprecated"}]}}`
		if w.Code != 400 || w.Body.String() != want {
			t.Errorf("%s: got %d %s\nwant 400 %s", name, w.Code, w.Body, want)
		}
	}
}

func TestErrorsOfTheCoreKeepTheirCodeAndStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err   error
		code  int
		word  string
		after string
	}{
		{&provider.Error{Code: provider.CodeConflict, Message: "taken"}, 409, "conflict", ""},
		{&provider.Error{Code: provider.CodeAuth, Message: "no key"}, 401, "auth", ""},
		{&provider.Error{Code: provider.CodePluginUnavailable, RetryAfter: 1500 * time.Millisecond}, 503, "plugin_unavailable", "2"},
		{fmt.Errorf("wrapped: %w", &provider.Error{Code: provider.CodeTimeout}), 504, "timeout", ""},
		{errors.New("odd"), 500, "internal", ""},
	}
	for _, tt := range tests {
		w := do(admin.New(&fakeCore{fail: tt.err}, admin.Options{}), "POST", "/admin/v1/endpoints/fast/test", "")
		var body struct{ Error struct{ Code string } }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if w.Code != tt.code || body.Error.Code != tt.word || w.Header().Get("Retry-After") != tt.after {
			t.Errorf("%v: got %d %s, Retry-After %q", tt.err, w.Code, w.Body, w.Header().Get("Retry-After"))
		}
	}
}

func TestAPanicCostsOneRequestOnly(t *testing.T) {
	t.Parallel()
	h := admin.New(nil, admin.Options{}) // every call of the core panics
	w := do(h, "GET", "/admin/v1/stats", "")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"internal"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := do(h, "GET", "/admin/v1/openapi.json", ""); w.Code != 200 {
		t.Errorf("the next request got %d", w.Code)
	}
}

func TestRequestsOfWebPagesAreRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(admin.New(&fakeCore{}, admin.Options{}))
	t.Cleanup(server.Close)
	tests := []struct {
		name, host, origin string
		code               int
	}{
		{"tool", "", "", 200},
		{"localhost by name", "localhost:1234", "", 200},
		{"another loopback address", "[::1]:80", "", 200},
		{"page of another site", "", "https://evil.example", 403},
		{"sandboxed page", "", "null", 403},
		{"page whose name was rebound", "evil.example:8080", "", 403},
	}
	for _, tt := range tests {
		req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/admin/v1/stats", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.host != "" {
			req.Host = tt.host
		}
		if tt.origin != "" {
			req.Header.Set("Origin", tt.origin)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.code {
			t.Errorf("%s: got %d, want %d", tt.name, resp.StatusCode, tt.code)
		}
	}
}
