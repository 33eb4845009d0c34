package rest

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestStatusesHaveAClass(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]provider.Code{
		301: provider.CodeProtocol,
		400: provider.CodeInvalidRequest, 401: provider.CodeAuth, 402: provider.CodeQuota, 403: provider.CodePermission,
		404: provider.CodeNotFound, 405: provider.CodeInvalidRequest, 408: provider.CodeTimeout, 409: provider.CodeConflict,
		410: provider.CodeNotFound, 412: provider.CodeConflict, 413: provider.CodeTooLarge, 414: provider.CodeTooLarge,
		415: provider.CodeInvalidRequest, 418: provider.CodeInvalidRequest, 422: provider.CodeInvalidRequest,
		424: provider.CodeUpstream, 425: provider.CodeOverloaded, 429: provider.CodeRateLimit, 431: provider.CodeTooLarge,
		500: provider.CodeUpstream, 501: provider.CodeUnsupported, 502: provider.CodeUpstream, 503: provider.CodeUpstream,
		504: provider.CodeUpstream, 520: provider.CodeUpstream, 529: provider.CodeUpstream, 599: provider.CodeUpstream,
	} {
		if got := CodeOf(status); got != want {
			t.Errorf("status %d: got %s, want %s", status, got, want)
		}
	}
}

func TestErrorBodiesAreReadLeniently(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want ErrorBody
	}{
		"OpenAI": {
			`{"error":{"message":"bad model","type":"invalid_request_error","param":"model","code":"model_not_found"}}`,
			ErrorBody{Message: "bad model", Type: "invalid_request_error", Param: "model", Code: "model_not_found"},
		},
		"null fields":           {`{"error":{"message":"m","type":"t","param":null,"code":null}}`, ErrorBody{Message: "m", Type: "t"}},
		"missing fields":        {`{"error":{"message":"m"}}`, ErrorBody{Message: "m"}},
		"a code that is status": {`{"error":{"code":400,"message":"m","type":"t"}}`, ErrorBody{Message: "m", Type: "t", Status: 400}},
		"a code of their own":   {`{"error":{"code":1301,"message":"m"}}`, ErrorBody{Message: "m", Code: "1301"}},
		"status in a string":    {`{"error":{"code":"503","message":"m"}}`, ErrorBody{Message: "m", Status: 503}},
		"error is a string":     {`{"error":"overloaded","error_type":"overloaded"}`, ErrorBody{Message: "overloaded", Type: "overloaded"}},
		"error is true":         {`{"error":true,"message":"m"}`, ErrorBody{Message: "m"}},
		"no error object":       {`{"message":"m","code":"c"}`, ErrorBody{Message: "m", Code: "c"}},
		"Anthropic":             {`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, ErrorBody{Message: "Overloaded", Type: "overloaded_error"}},
		"Google in a list":      {`[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]`, ErrorBody{Message: "m", Type: "INVALID_ARGUMENT", Status: 400}},
		"FastAPI text":          {`{"detail":"Not Found"}`, ErrorBody{Message: "Not Found"}},
		"FastAPI list":          {`{"detail":[{"loc":["body"],"msg":"field required"}]}`, ErrorBody{Message: `[{"loc":["body"],"msg":"field required"}]`}},
		"message is an object":  {`{"error":{"message":{"a":1}}}`, ErrorBody{Message: `{"error":{"message":{"a":1}}}`}},
		"HTML": {
			"<html><head><title>502 Bad Gateway</title><style>p{}</style></head>\n<body><h1>502</h1></body></html>",
			ErrorBody{Message: "502 Bad Gateway 502"},
		},
		"text":     {"upstream connect error\n", ErrorBody{Message: "upstream connect error"}},
		"empty":    {"", ErrorBody{}},
		"cut JSON": {`{"error":{"mess`, ErrorBody{Message: `{"error":{"mess`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ParseError([]byte(tt.body)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestAnErrorCarriesWhatTheAnswerSaid(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("retry-after", "7")
	h.Set("x-should-retry", "false")
	h.Set("x-request-id", "req_9")
	h.Set("x-ratelimit-limit-requests", "60")
	h.Set("x-ratelimit-remaining-requests", "0")
	h.Set("x-ratelimit-reset-requests", "1m0s")
	e := ErrorFromAnswer(429, h, []byte(`{"error":{"message":"slow down, sk-abcdefghijk","type":"requests","param":"p","code":"rate_limit_exceeded"}}`))
	want := provider.Error{
		Code: provider.CodeRateLimit, StatusCode: 429, Message: "slow down, [REDACTED]", Type: "requests", Param: "p",
		UpstreamCode: "rate_limit_exceeded", RetryAfter: 7 * time.Second, Retry: provider.RetryNever,
		Source: provider.SourceUpstream, RequestID: "req_9",
		RateLimits: []provider.RateLimit{{Meter: "requests", Limit: 60, Reset: time.Minute}},
	}
	if !reflect.DeepEqual(*e, want) {
		t.Errorf("got %+v, want %+v", *e, want)
	}
}

func TestAnErrorWithoutABodyNamesTheStatus(t *testing.T) {
	t.Parallel()
	e := ErrorFromAnswer(502, nil, nil)
	if want := "upstream (HTTP 502): the service answered 502 Bad Gateway"; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
}

func TestAnErrorTextIsBounded(t *testing.T) {
	t.Parallel()
	e := ErrorFromAnswer(400, nil, []byte(`{"error":{"message":"`+strings.Repeat("long ", 2000)+`"}}`))
	if len(e.Message) > 2<<10 {
		t.Errorf("got a message of %d bytes", len(e.Message))
	}
}

func TestAnErrorInsideASuccessIsClassedByItsOwnStatus(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]provider.Code{
		`{"error":{"message":"m","code":429}}`:          provider.CodeRateLimit,
		`{"error":{"message":"m","type":"overloaded"}}`: provider.CodeUpstream,
		`{"error":{}}`: provider.CodeUpstream,
	} {
		if got := ErrorFromBody([]byte(body)); got.Code != want || got.Message == "" {
			t.Errorf("%s: got %s with message %q, want %s", body, got.Code, got.Message, want)
		}
	}
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"error":{"message":"m","code":400}}`))
	f.Add([]byte("<html>"))
	f.Add([]byte(`[{"detail":1}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := ErrorFromAnswer(500, nil, body)
		if e.Message == "" || len(e.Message) > maxText || strings.Contains(e.Message, "\n") {
			t.Fatalf("message %q", e.Message)
		}
	})
}
