package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestBadRequestsAreExplainedInOpenAIsShape(t *testing.T) {
	t.Parallel()
	const (
		chat  = "/v1/chat/completions"
		noKey = `"type":"invalid_request_error","param":null,"code":"invalid_request"}}`
	)
	tests := []struct {
		name, path, body string
		header           []string
		code             int
		want             string
	}{
		{"empty body", chat, ``, nil, 400,
			`{"error":{"message":"the body is empty; send a JSON object",` + noKey},
		{"not JSON", chat, `{"model": m}`, nil, 400,
			`{"error":{"message":"the body is not valid JSON: expected a value instead of 'm' at byte 10 (line 1, column 11)",` + noKey},
		{"broken where nobody looks", chat, `{"model":"m","messages":[{"role":"user" "content":""}]}`, nil, 400,
			`{"error":{"message":"the body is not valid JSON: expected \",\" or \"}\" instead of '\"' at byte 40 (line 1, column 41)",` + noKey},
		{"cut off", chat, `{"model":"m","messages":[`, nil, 400,
			`{"error":{"message":"the body is not valid JSON: expected a value before the end of the body at byte 25 (line 1, column 26)",` + noKey},
		{"not an object", chat, `["model"]`, nil, 400,
			`{"error":{"message":"the body must be a JSON object, found an array",` + noKey},
		{"no model", chat, `{"messages":[]}`, nil, 400,
			`{"error":{"message":"\"model\" is missing; give the name of a model, a route or an endpoint as a string (GET /v1/models lists them)",` +
				`"type":"invalid_request_error","param":"model","code":"invalid_request"}}`},
		{"null model", chat, `{"model":null}`, nil, 400,
			`{"error":{"message":"\"model\" is missing; give the name of a model, a route or an endpoint as a string (GET /v1/models lists them)",` +
				`"type":"invalid_request_error","param":"model","code":"invalid_request"}}`},
		{"model of the wrong type", chat, `{"model":["m"]}`, nil, 400,
			`{"error":{"message":"\"model\" must be a string, found an array at byte 9","type":"invalid_request_error","param":"model","code":"invalid_request"}}`},
		{"stream of the wrong type", chat, `{"model":"m","stream":"true"}`, nil, 400,
			`{"error":{"message":"\"stream\" must be true or false, found a string at byte 22","type":"invalid_request_error","param":"stream","code":"invalid_request"}}`},
		{"stream_options of the wrong type", chat, `{"model":"m","stream_options":[]}`, nil, 400,
			`{"error":{"message":"\"stream_options\" must be an object, found an array at byte 30","type":"invalid_request_error","param":"stream_options","code":"invalid_request"}}`},
		{"compressed", chat, hello, []string{"Content-Encoding", "gzip"}, 415,
			`{"error":{"message":"content encoding \"gzip\" is not supported; send the body as it is, without Content-Encoding","type":"invalid_request_error","param":null,"code":"unsupported_content_encoding"}}`},
		{"too large", chat, strings.Repeat(" ", 1025), nil, 413,
			`{"error":{"message":"the body has 1025 bytes; at most 1024 are taken","type":"invalid_request_error","param":null,"code":"too_large"}}`},
		{"timeout without unit", chat, hello, []string{"X-Backplane-Timeout", "soon"}, 400,
			`{"error":{"message":"header x-backplane-timeout: \"soon\" is no timeout; write a duration up to 24h with its unit (\"30s\", \"1m30s\") or plain milliseconds (\"30000\")",` +
				`"type":"invalid_request_error","param":"x-backplane-timeout","code":"invalid_request"}}`},
		{"a path that is nearly right", "/v1/chat/completion", hello, nil, 404,
			`{"error":{"message":"there is nothing at /v1/chat/completion; did you mean /v1/chat/completions?","type":"invalid_request_error","param":null,"code":"not_found"}}`},
		{"a path without /v1", "/chat/completions", hello, nil, 404,
			`{"error":{"message":"there is nothing at /chat/completions; did you mean /v1/chat/completions?","type":"invalid_request_error","param":null,"code":"not_found"}}`},
		{"a path with /v1 twice", "/v1/v1/embeddings", hello, nil, 404,
			`{"error":{"message":"there is nothing at /v1/v1/embeddings; did you mean /v1/embeddings?","type":"invalid_request_error","param":null,"code":"not_found"}}`},
		{"a slash too many", "/v1/embeddings/", hello, nil, 404,
			`{"error":{"message":"there is nothing at /v1/embeddings/; did you mean /v1/embeddings?","type":"invalid_request_error","param":null,"code":"not_found"}}`},
		{"a path like no other", "/x", hello, nil, 404,
			`{"error":{"message":"there is nothing at /x; did you mean /v1/chat/completions or GET /v1/models?","type":"invalid_request_error","param":null,"code":"not_found"}}`},
		{"a path of OpenAI's that is none here", "/v1/files", hello, nil, 404,
			`{"error":{"message":"there is nothing at /v1/files; POST /v1/endpoints/{id}/{operation} reaches every operation of an endpoint, GET /v1/endpoints/{id} lists them",` +
				`"type":"invalid_request_error","param":null,"code":"not_found"}}`},
		{"unknown endpoint", "/v1/endpoints/fest/chat", hello, nil, 404,
			`{"error":{"message":"endpoint \"fest\" is not known; did you mean \"fast\"?","type":"invalid_request_error","param":"endpoint","code":"not_found"}}`},
		{"no form", "/v1/audio/transcriptions", hello, []string{"Content-Type", "application/json"}, 400,
			`{"error":{"message":"content type \"application/json\": send a multipart/form-data form with the fields \"file\" and \"model\"",` + noKey},
		{"cut form", "/v1/audio/transcriptions", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc", []string{"Content-Type", "multipart/form-data; boundary=b"}, 400,
			`{"error":{"message":"the form is cut off: its last boundary is missing",` + noKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := post(api.New(&fakeCore{}, api.Options{MaxBodyBytes: 1024}), tt.path, tt.body, tt.header...)
			if w.Code != tt.code || w.Body.String() != tt.want {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tt.code, tt.want)
			}
			if ct := w.Header().Get("Content-Type"); ct != "application/json" {
				t.Errorf("content type %q", ct)
			}
			if w.Header().Get("X-Request-Id") == "" {
				t.Error("no request id")
			}
		})
	}
}

func TestErrorsOfTheCoreBecomeOpenAIsErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    *provider.Error
		code   int
		want   string
		header map[string]string
	}{
		{&provider.Error{Code: provider.CodeNotFound, Param: "model", UpstreamCode: "model_not_found", Message: `model "gtp-4" is not known; did you mean "gpt-4"?`},
			404, `{"message":"model \"gtp-4\" is not known; did you mean \"gpt-4\"?","type":"invalid_request_error","param":"model","code":"model_not_found"}`, nil},
		{&provider.Error{Code: provider.CodeAuth, Message: "no key"}, 401, `{"message":"no key","type":"authentication_error","param":null,"code":"auth"}`, nil},
		{&provider.Error{Code: provider.CodePermission, Message: "m"}, 403, `{"message":"m","type":"permission_error","param":null,"code":"permission"}`, nil},
		{&provider.Error{Code: provider.CodeConflict, Message: "m"}, 409, `{"message":"m","type":"invalid_request_error","param":null,"code":"conflict"}`,
			map[string]string{"X-Should-Retry": "false"}},
		{&provider.Error{Code: provider.CodeUnsupported, Message: "m"}, 501, `{"message":"m","type":"invalid_request_error","param":null,"code":"unsupported"}`,
			map[string]string{"X-Should-Retry": "false"}},
		{&provider.Error{Code: provider.CodeQuota, UpstreamCode: "insufficient_quota", Message: "m"}, 429,
			`{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}`, map[string]string{"X-Should-Retry": "false"}},
		{&provider.Error{Code: provider.CodeRateLimit, Message: "m", RetryAfter: 1500 * time.Millisecond, RequestID: "up_7"}, 429,
			`{"message":"m","type":"rate_limit_error","param":null,"code":"rate_limit"}`,
			map[string]string{"Retry-After": "2", "Retry-After-Ms": "1500", "X-Backplane-Upstream-Request-Id": "up_7", "X-Should-Retry": ""}},
		{&provider.Error{Code: provider.CodeQueueFull, Message: "m", RetryAfter: 20 * time.Microsecond}, 429,
			`{"message":"m","type":"rate_limit_error","param":null,"code":"queue_full"}`, map[string]string{"Retry-After": "1", "Retry-After-Ms": "1"}},
		{&provider.Error{Code: provider.CodeCircuitOpen, Message: "m", RetryAfter: 5 * time.Second}, 503,
			`{"message":"m","type":"server_error","param":null,"code":"circuit_open"}`, map[string]string{"Retry-After": "5"}},
		{&provider.Error{Code: provider.CodeUpstream, Message: "m", StatusCode: 500, Retry: provider.RetryNever}, 502,
			`{"message":"m","type":"server_error","param":null,"code":"upstream"}`, map[string]string{"X-Should-Retry": "false"}},
		{&provider.Error{Code: provider.CodeTimeout, Message: "m", Retry: provider.RetryAlways}, 504,
			`{"message":"m","type":"server_error","param":null,"code":"timeout"}`, map[string]string{"X-Should-Retry": "true"}},
		{&provider.Error{Code: provider.CodeTooLarge, UpstreamCode: "context_length_exceeded", Param: "messages", Message: "<m>"}, 413,
			`{"message":"<m>","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}`, nil},
		{&provider.Error{Code: provider.CodeTooLarge, Source: provider.SourceUpstream, StatusCode: 400, UpstreamCode: "context_length_exceeded", Message: "m"}, 400,
			`{"message":"m","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}`, nil},
		{&provider.Error{Code: provider.CodeInvalidRequest, Source: provider.SourceUpstream, StatusCode: 422, Message: "m"}, 422,
			`{"message":"m","type":"invalid_request_error","param":null,"code":"invalid_request"}`, nil},
		{&provider.Error{Code: provider.CodeInvalidRequest, Source: provider.SourceUpstream, StatusCode: 500, Message: "m"}, 400,
			`{"message":"m","type":"invalid_request_error","param":null,"code":"invalid_request"}`, nil},
		{&provider.Error{Code: provider.CodeAuth, Source: provider.SourceUpstream, StatusCode: 400, Message: "m"}, 401,
			`{"message":"m","type":"authentication_error","param":null,"code":"auth"}`, nil},
		{&provider.Error{Code: provider.CodeContentFilter}, 400,
			`{"message":"the request failed: content_filter","type":"invalid_request_error","param":null,"code":"content_filter"}`, nil},
	}
	for _, tt := range tests {
		t.Run(string(tt.err.Code), func(t *testing.T) {
			t.Parallel()
			core := &fakeCore{
				call:   func(context.Context, *provider.Request) (*provider.Response, error) { return nil, tt.err },
				stream: func(context.Context, *provider.Request) (provider.EventStream, error) { return nil, tt.err },
				transfer: func(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
					return nil, tt.err
				},
			}
			// An error before a stream begins is an ordinary one.
			for path, body := range map[string]string{"/v1/chat/completions": hello, "/v1/responses": helloStream, "/v1/audio/speech": hello} {
				w := post(api.New(core, api.Options{}), path, body)
				if want := `{"error":` + tt.want + `}`; w.Code != tt.code || w.Body.String() != want {
					t.Errorf("%s: got  %d %s\nwant %d %s", path, w.Code, w.Body, tt.code, want)
				}
				for name, want := range tt.header {
					if got := w.Header().Get(name); got != want {
						t.Errorf("%s: %s: got %q, want %q", path, name, got, want)
					}
				}
			}
		})
	}
}

func TestEveryCodeHasAStatusAndAType(t *testing.T) {
	t.Parallel()
	for _, code := range provider.Codes() {
		core := &fakeCore{call: func(context.Context, *provider.Request) (*provider.Response, error) {
			return nil, &provider.Error{Code: code, Message: "m"}
		}}
		w := post(api.New(core, api.Options{}), "/v1/embeddings", hello)
		if w.Code < 400 || strings.Contains(w.Body.String(), `"type":""`) {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
	}
}

func TestAnyOtherErrorIsInternal(t *testing.T) {
	t.Parallel()
	core := &fakeCore{call: func(context.Context, *provider.Request) (*provider.Response, error) { return nil, errors.New("odd") }}
	w := post(api.New(core, api.Options{}), "/v1/chat/completions", hello)
	if want := `{"error":{"message":"odd","type":"server_error","param":null,"code":"internal"}}`; w.Code != 500 || w.Body.String() != want {
		t.Errorf("got %d %s, want 500 %s", w.Code, w.Body, want)
	}
}

func TestAPanicIsA500AndTheServerLives(t *testing.T) {
	t.Parallel()
	h := api.New(&fakeCore{}, api.Options{}) // calls of the core panic
	w := post(h, "/v1/chat/completions", hello, "X-Request-Id", "my-id")
	want := `{"error":{"message":"the host failed to handle the request; its log says why, under request id my-id","type":"server_error","param":null,"code":"internal"}}`
	if w.Code != 500 || w.Body.String() != want {
		t.Errorf("got %d %s\nwant 500 %s", w.Code, w.Body, want)
	}
	if w := get(h, "/healthz"); w.Code != 200 {
		t.Errorf("the next request got %d", w.Code)
	}
}

func TestMethodsThatDoNotFitAreRefusedWithThoseThatDo(t *testing.T) {
	t.Parallel()
	core, _ := answering("{}")
	core.operations = []provider.Operation{{Name: "chat", Modes: []provider.Mode{provider.ModeCall}}}
	core.models = func() ([]provider.Model, error) { return nil, nil }
	h := api.New(core, api.Options{})
	tests := []struct {
		method, path string
		code         int
		allow        string
	}{
		{"GET", "/v1/chat/completions", 405, "OPTIONS, POST"},
		{"HEAD", "/v1/chat/completions", 405, "OPTIONS, POST"},
		{"DELETE", "/v1/models", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/v1/models/m", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/healthz", 405, "GET, HEAD, OPTIONS"},
		{"PUT", "/v1/endpoints/fast/chat", 405, "OPTIONS, POST"},
		{"POST", "/v1/endpoints/fast", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/v1/chat/completions", 204, "OPTIONS, POST"},
		{"OPTIONS", "/v1/models", 204, "GET, HEAD, OPTIONS"},
		{"HEAD", "/v1/models", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/v1/endpoints/fast", 200, ""},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, http.NoBody))
		if w.Code != tt.code || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d, Allow %q, want %d, %q", tt.method, tt.path, w.Code, w.Header().Get("Allow"), tt.code, tt.allow)
		}
		if w.Code == 405 && !strings.Contains(w.Body.String(), tt.method+" is not allowed for "+tt.path+"; use one of "+tt.allow) {
			t.Errorf("%s %s: %s", tt.method, tt.path, w.Body)
		}
	}
}
