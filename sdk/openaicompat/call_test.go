package openaicompat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAnAnswerComesBackAsItWasWithWhatItReports(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op, body string
		want     provider.Meta
	}{
		"chat": {
			provider.OpChat,
			`{"id":"c1","object":"chat.completion","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"hi","finish_reason":"no"},"finish_reason":"tool_calls"}],` +
				`"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}},"x":1.50}`,
			provider.Meta{Model: "m-1", FinishReason: "tool_calls", Usage: &provider.Usage{Input: 3, Output: 2, Total: 5, Cached: 1, Reasoning: 2}},
		},
		"chat, read leniently": {
			provider.OpChat,
			`{"choices":[{"finish_reason":null},{"finish_reason":"stop"}],"usage":{"prompt_tokens":3.0,"completion_tokens":"2"},"error":null}`,
			provider.Meta{FinishReason: "stop", Usage: &provider.Usage{Input: 3, Total: 3}},
		},
		"responses": {
			provider.OpResponses,
			`{"id":"r1","object":"response","status":"completed","error":null,"incomplete_details":null,"model":"m","output":[{"finish_reason":"no"}],` +
				`"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":4},"output_tokens":1,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":8}}`,
			provider.Meta{Model: "m", FinishReason: "stop", Usage: &provider.Usage{Input: 7, Output: 1, Total: 8, Cached: 4, Reasoning: 1}},
		},
		"responses, incomplete": {
			provider.OpResponses, `{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}`,
			provider.Meta{FinishReason: "length"},
		},
		"embeddings": {
			provider.OpEmbeddings, `{"object":"list","data":[{"embedding":[0.1,0.2]}],"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}`,
			provider.Meta{Model: "e", Usage: &provider.Usage{Input: 2, Total: 2}},
		},
		"a batch that is completed did not stop talking": {
			provider.OpBatchesGet, `{"id":"b","object":"batch","status":"completed","errors":null}`, provider.Meta{},
		},
		"models of a service with fields of its own": {provider.OpModels, `{"models":[1],"object":"list","data":[]}`, provider.Meta{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, answerJSON(200, tt.body))
			got, err := s.call(t, s.open(t, dialect(nil), nil), tt.op, `{"batch_id":"b"}`)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != tt.body {
				t.Errorf("the body became %s", got.Body)
			}
			tt.want.Status, tt.want.RequestID = 200, "req_up"
			if !reflect.DeepEqual(got.Meta, tt.want) {
				t.Errorf("got %+v with usage %+v, want %+v with usage %+v", got.Meta, got.Usage, tt.want, tt.want.Usage)
			}
		})
	}
}

func TestASuccessThatIsNoneIsATypedError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		contentType, body string
		code              provider.Code
		words             string
	}{
		"an error object":         {"application/json", `{"error":{"message":"busy","code":503}}`, provider.CodeUpstream, "busy"},
		"an error that is a text": {"application/json", `{"error":"rate","error_type":"rate_limit_error"}`, provider.CodeRateLimit, "rate"},
		"a failed response":       {"application/json", `{"object":"response","status":"failed","error":{"code":"server_error","message":"sorry"}}`, provider.CodeUpstream, "sorry"},
		"HTML":                    {"text/html", "<h1>Login</h1>", provider.CodeProtocol, "Login"},
		"nothing":                 {"application/json", "", provider.CodeProtocol, "a JSON object was expected"},
		"cut JSON":                {"application/json", `{"choices":[{"message":{"content":"Hel`, provider.CodeProtocol, "a JSON object was expected"},
		"a list":                  {"application/json", `[1,2]`, provider.CodeProtocol, "a JSON object was expected"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				_, _ = fmt.Fprint(w, tt.body)
			})
			_, err := s.call(t, s.open(t, dialect(nil), nil), provider.OpChat, `{}`)
			if got := wantError(t, err, tt.code); !strings.Contains(got.Message, tt.words) {
				t.Errorf("got %q, want words %q", got.Message, tt.words)
			}
		})
	}
}

func TestARawAnswerMayBeAnything(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprint(w, "Success")
	})
	e := s.open(t, dialect(func(d *Dialect) {
		d.Operations = []Operation{{Name: "lora.load", Modes: call, Path: "/load_lora_adapter", NoModel: true, Raw: true}}
	}), nil)
	got, err := s.call(t, e, "lora.load", `{"lora_name":"a"}`)
	if err != nil || string(got.Body) != "Success" || got.ContentType != "text/plain" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestErrorsGetTheirClassFromTheServicesWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status     int
		code, kind string
		want       provider.Code
	}{
		{429, "rate_limit_exceeded", "requests", provider.CodeRateLimit},
		{429, "insufficient_quota", "insufficient_quota", provider.CodeQuota},
		{429, "", "insufficient_quota", provider.CodeQuota},
		{400, "billing_hard_limit_reached", "billing_limit_user_error", provider.CodeQuota},
		{400, "context_length_exceeded", "invalid_request_error", provider.CodeTooLarge},
		{400, "", "exceed_context_size_error", provider.CodeTooLarge},
		{400, "content_policy_violation", "invalid_request_error", provider.CodeContentFilter},
		{400, "ResponsibleAIPolicyViolation", "", provider.CodeContentFilter},
		{401, "invalid_api_key", "invalid_request_error", provider.CodeAuth},
		{403, "model_not_found", "invalid_request_error", provider.CodeNotFound},
		{413, "rate_limit_exceeded", "tokens", provider.CodeTooLarge},
		{500, "invalid_request_error", "", provider.CodeUpstream},
		{418, "own_word", "", provider.CodeConflict},
		{400, "hooked", "", provider.CodeOverloaded},
	}
	for _, tt := range tests {
		s := newService(t, answerJSON(tt.status, fmt.Sprintf(`{"error":{"message":"m","type":%q,"code":%q,"param":"p"}}`, tt.kind, tt.code)))
		e := s.open(t, dialect(func(d *Dialect) {
			d.Codes = map[string]provider.Code{"own_word": provider.CodeConflict}
			d.Classify = func(e *provider.Error) {
				if e.UpstreamCode == "hooked" {
					e.Code = provider.CodeOverloaded
				}
			}
		}), nil)
		_, err := s.call(t, e, provider.OpChat, "{}")
		if got := wantError(t, err, tt.want); got.StatusCode != tt.status || got.RequestID != "req_up" || got.Param != "p" {
			t.Errorf("%d %s: got %+v", tt.status, tt.code, got)
		}
	}
}

func TestATestListsTheModels(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"list","data":[]}`))
	e := s.open(t, dialect(nil), nil)
	if err := e.Test(t.Context(), &provider.Request{Operation: "anything", Body: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	if got := <-s.requests; got.Method+" "+got.URL.RequestURI() != "GET /v1/models" {
		t.Errorf("got %s %s", got.Method, got.URL.RequestURI())
	}
	s = newService(t, answerJSON(401, `{"error":{"message":"no"}}`))
	wantError(t, s.open(t, dialect(nil), nil).Test(t.Context(), &provider.Request{}), provider.CodeAuth)
}

func TestVectorsAreConvertedForAServiceWithoutBase64(t *testing.T) {
	t.Parallel()
	const answer = `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,-2]}],"model":"m","x":7}`
	s := newService(t, answerJSON(200, answer))
	e := s.open(t, dialect(func(d *Dialect) { d.NoBase64 = true }), nil)
	got, err := s.call(t, e, provider.OpEmbeddings, `{"model":"m","encoding_format":"base64","input":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	if sent := (<-s.requests).body; sent != `{"model":"m","input":"x"}` {
		t.Errorf("sent %s", sent)
	}
	var out provider.EmbeddingResponse
	if err := json.Unmarshal(got.Body, &out); err != nil {
		t.Fatal(err)
	}
	if v := out.Data[0].Vector; !v.Base64 || len(v.Values) != 2 || v.Values[1] != -2 || string(out.Extra["x"]) != "7" {
		t.Errorf("got %s", got.Body)
	}
	got, err = s.call(t, e, provider.OpEmbeddings, `{"model":"m","encoding_format":"float","input":"x"}`)
	if err != nil || string(got.Body) != answer {
		t.Errorf("vectors that were asked for as numbers became %s, %v", got.Body, err)
	}
}

func TestBase64IsTheServicesBusinessIfItKnowsIt(t *testing.T) {
	t.Parallel()
	const answer = `{"object":"list","data":[{"embedding":"AACAPw=="}]}`
	s := newService(t, answerJSON(200, answer))
	got, err := s.call(t, s.open(t, dialect(nil), nil), provider.OpEmbeddings, `{"model":"m","encoding_format":"base64"}`)
	if err != nil || string(got.Body) != answer || (<-s.requests).body != `{"model":"m","encoding_format":"base64"}` {
		t.Errorf("got %s, %v", got.Body, err)
	}
}

func TestLargeAnswersAreNotDecoded(t *testing.T) {
	large := `{"object":"list","data":[{"embedding":[` + strings.Repeat("0.0123456789,", 80_000) + `1]}],"usage":{"prompt_tokens":1,"total_tokens":1}}`
	data := []byte(large)
	var f facts
	allocs := testing.AllocsPerRun(10, func() {
		var err error
		if f, err = readFacts(data); err != nil {
			t.Fatal(err)
		}
	})
	if !f.used || allocs > 0 {
		t.Errorf("looking into %d bytes took %v allocations", len(data), allocs)
	}
}

func FuzzReadFacts(f *testing.F) {
	f.Add([]byte(`{"id":"c","model":"m\\u0031","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"total_tokens":3}}`))
	f.Add([]byte(`{"object":"response","status":"completed","incomplete_details":{"reason":"x"},"error":{}}`))
	f.Add([]byte(`{"choices":[[{}],1],"usage":[],"response":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readFacts(data) // must not panic, whatever comes
		var want struct {
			ID, Model any
			Usage     *struct {
				Total int64 `json:"total_tokens"`
			}
		}
		if json.Unmarshal(data, &want) != nil || strings.Contains(strings.ToLower(string(data)), "\\u") {
			return // not JSON of these types; or keys that encoding/json takes for others
		}
		if err != nil && !strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
			return // valid, but no object
		}
		if err != nil {
			t.Fatalf("valid JSON refused: %v", err)
		}
		_, _ = text(got.id), text(got.model)
		if !got.used && want.Usage != nil && strings.Contains(string(data), `"usage":{`) && strings.Count(strings.ToLower(string(data)), "usage") == 1 {
			t.Fatalf("usage %+v was not seen", want.Usage)
		}
	})
}

func BenchmarkReadFacts(b *testing.B) {
	for name, data := range map[string]string{
		"chunk":        `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}`,
		"1MBembedding": `{"object":"list","data":[{"embedding":[` + strings.Repeat("0.0123456789,", 80_000) + `1]}],"usage":{"prompt_tokens":1,"total_tokens":1}}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			raw := []byte(data)
			for b.Loop() {
				if _, err := readFacts(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
