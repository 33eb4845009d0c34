package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New})
}

func TestToolCallsAndUsageSurviveAStream(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	const tools = `"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}],"tool_choice":"auto","parallel_tool_calls":true`
	got, err := stream(t, open(t, p.url, nil), request(provider.OpChat,
		`{"model":"gpt-4o-mini",`+conversation+`,`+tools+`,"stream":true,"stream_options":{"include_usage":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.finish.Reason != "tool_calls" || !reflect.DeepEqual(got.finish.Usage, chatUsage) {
		t.Errorf("finished with %+v", got.finish)
	}
	if last := got.chunks[len(got.chunks)-1]; !strings.Contains(last, `"choices":[]`) {
		t.Errorf("the caller asked for usage and got %s last", last)
	}
	arguments := map[int]string{}
	for _, c := range got.chunks {
		var chunk provider.ChatChunk
		if err := json.Unmarshal([]byte(c), &chunk); err != nil {
			t.Fatal(err)
		}
		for _, choice := range chunk.Choices {
			for _, call := range choice.Delta.ToolCalls {
				arguments[*call.Index] += call.Function.Arguments
			}
		}
	}
	if arguments[0] != `{"city":"Bern"}` || arguments[1] != `{"zone":"CET"}` {
		t.Errorf("the arguments became %v", arguments)
	}
}

func TestHeadersOfThePlatformAreSent(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	conn := open(t, p.url, map[string]any{"organization": "org-1", "project": "proj_1"})
	req := request(provider.OpModels, "")
	req.Header = map[string]string{"openai-beta": "assistants=v2", "idempotency-key": "idem-1"}
	if _, err := conn.Call(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	sent := (<-p.requests).header
	for name, want := range map[string]string{
		"Authorization": "Bearer " + testKey, "Openai-Organization": "org-1", "Openai-Project": "proj_1",
		"X-Client-Request-Id": "req_host", "Openai-Beta": "assistants=v2", "Idempotency-Key": "idem-1",
	} {
		if got := sent.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	req.Credential = provider.NewSecret("sk-of-this-call-0001")
	if _, err := conn.Call(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if got := (<-p.requests).header.Get("Authorization"); got != "Bearer sk-of-this-call-0001" {
		t.Errorf("the credential of the call was not used: %q", got)
	}
}

func TestTheModelOfTheRequestReachesThePlatform(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	conn := open(t, p.url, nil)
	req := request(provider.OpChat, `{"model":"alias","x_unknown":{"big":12345678901234567890},`+conversation+`}`)
	req.Model = "gpt-4.1"
	if _, err := conn.Call(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want := `{"model":"gpt-4.1","x_unknown":{"big":12345678901234567890},` + conversation + `}`
	if got := <-p.requests; string(got.body) != want {
		t.Errorf("got  %s\nwant %s", got.body, want)
	}
}

func TestTheEndpointIsTestedByItsModels(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	if err := open(t, p.url, nil).TestEndpoint(t.Context(), request("", "")); err != nil {
		t.Fatal(err)
	}
	if got := <-p.requests; got.method+" "+got.path != "GET /models" {
		t.Errorf("got %s %s", got.method, got.path)
	}
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string            `json:"name"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
		Want    struct {
			Code         provider.Code `json:"code"`
			Status       int           `json:"status"`
			Type         string        `json:"type"`
			UpstreamCode string        `json:"upstream_code"`
			Param        string        `json:"param"`
			Message      string        `json:"message"`
			RetryAfter   string        `json:"retry_after"`
			Retry        string        `json:"retry"`
			RequestID    string        `json:"request_id"`
		} `json:"want"`
	}
	if err := json.Unmarshal(testdata(t, "errors.json"), &cases); err != nil {
		t.Fatal(err)
	}
	hints := map[string]provider.RetryHint{"": provider.RetryUnspecified, "always": provider.RetryAlways, "never": provider.RetryNever}
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				body := []byte(tt.Body)
				w.Header().Set("Content-Type", "application/json")
				var text string
				if json.Unmarshal(body, &text) == nil { // a page, not JSON
					body = []byte(text)
					w.Header().Set("Content-Type", "text/html")
				}
				for name, value := range tt.Headers {
					w.Header().Set(name, value)
				}
				w.WriteHeader(tt.Status)
				_, _ = w.Write(body)
			})
			conn := open(t, url, nil)
			after, _ := time.ParseDuration(tt.Want.RetryAfter) // "" is none
			want := provider.Error{
				Code: tt.Want.Code, StatusCode: tt.Want.Status, Message: tt.Want.Message, Type: tt.Want.Type,
				UpstreamCode: tt.Want.UpstreamCode, Param: tt.Want.Param, RetryAfter: after, Retry: hints[tt.Want.Retry],
				Source: provider.SourceUpstream, RequestID: tt.Want.RequestID,
			}
			body := `{"model":"m",` + conversation + `}`
			_, callErr := conn.Call(t.Context(), request(provider.OpChat, body))
			_, streamErr := stream(t, conn, request(provider.OpChat, body))
			for mode, err := range map[string]error{"call": callErr, "stream": streamErr} {
				got := *wantError(t, err, want.Code)
				got.Cause = nil
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got  %+v\nwant %+v", mode, got, want)
				}
			}
		})
	}
}

func TestStreamsThatBreakAreTypedErrors(t *testing.T) {
	t.Parallel()
	recorded := testdata(t, "streams/chat.sse")
	first := string(recorded[:bytes.Index(recorded, []byte("\n\n"))+2])
	tests := map[string]struct {
		contentType, body string
		code              provider.Code
	}{
		"cut between chunks": {"text/event-stream", first, provider.CodeProtocol},
		"cut inside a chunk": {"text/event-stream", first + "data: {\"id\":\"chatc", provider.CodeProtocol},
		"no chunk at all":    {"text/event-stream", "", provider.CodeProtocol},
		"not JSON":           {"text/event-stream", first + "data: <html>\n\n", provider.CodeProtocol},
		"an error inside":    {"text/event-stream", first + "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\"}}\n\n", provider.CodeUpstream},
		"a page instead":     {"text/html", "<h1>Just a moment...</h1>", provider.CodeProtocol},
		"an error instead":   {"application/json", `{"error":{"message":"no","type":"insufficient_quota","code":"insufficient_quota"}}`, provider.CodeQuota},
		"an answer instead":  {"application/json", string(testdata(t, "answers/chat.json")), provider.CodeProtocol},
		"an event of 17 MiB": {"text/event-stream", "data: \"" + strings.Repeat("x", 17<<20) + "\"\n\n", provider.CodeProtocol},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				_, _ = io.WriteString(w, tt.body)
			})
			_, err := stream(t, open(t, url, nil), request(provider.OpChat, `{"model":"m",`+conversation+`}`))
			if e := wantError(t, err, tt.code); e.Source != provider.SourceUpstream || len(e.Message) > 2<<10 {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestCancelClosesTheConnectionToThePlatform(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"call", "stream", "stream, before its first chunk"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			arrived, gone := make(chan struct{}), make(chan struct{})
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if mode == "stream" {
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n")
					w.(http.Flusher).Flush()
				}
				close(arrived)
				<-r.Context().Done()
				close(gone)
			})
			conn := open(t, url, nil)
			req := request(provider.OpChat, `{"model":"m",`+conversation+`}`)
			leave := startAndLeave(t, conn, req, mode)
			<-arrived
			left := time.Now()
			leave()
			select {
			case <-gone:
				t.Logf("closed after %s", time.Since(left))
			case <-time.After(time.Second):
				t.Error("the connection is still open a second after the caller left")
			}
		})
	}
}

func TestKeysNeverShowInErrors(t *testing.T) {
	t.Parallel()
	for _, key := range []string{testKey, plainKey} {
		for name, handler := range map[string]http.HandlerFunc{
			"repeated in an error": func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"error":{"message":"bad key `+r.Header.Get("Authorization")+`","type":"`+key+`","code":"`+key+`","param":"`+key+`"}}`)
			},
			"repeated in a page": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<p>"+r.Header.Get("Authorization")+"</p>")
			},
			"repeated in a stream": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, `data: {"error":{"message":"`+r.Header.Get("Authorization")+`"}}`+"\n\n")
			},
			"repeated in a chunk that is none": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "data: <"+r.Header.Get("Authorization")+">\n\n")
			},
			"repeated in a redirect": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://elsewhere.example/?key="+key)
				w.WriteHeader(http.StatusTemporaryRedirect)
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				conn := openWithKey(t, serve(t, handler), key, nil)
				body := `{"model":"m",` + conversation + `}`
				_, callErr := conn.Call(t.Context(), request(provider.OpChat, body))
				_, streamErr := stream(t, conn, request(provider.OpChat, body))
				for _, err := range []error{callErr, streamErr} {
					if err == nil {
						t.Fatal("got no error")
					}
					e := provider.AsError(err)
					all := strings.Join([]string{e.Error(), e.Type, e.UpstreamCode, e.Param, e.RequestID}, " ")
					if strings.Contains(all, key) || strings.Contains(all, key[len(key)/2:]) {
						t.Errorf("got %s", all)
					}
				}
			})
		}
	}
}

func TestModelPatternsKnowThePlatformsModelsAndNoOthers(t *testing.T) {
	t.Parallel()
	serves := func(model string) bool {
		return slices.ContainsFunc(models.Patterns, func(pattern string) bool {
			ok, err := path.Match(pattern, model)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		})
	}
	for _, model := range []string{
		"gpt-4o", "gpt-5.1-mini", "chatgpt-4o-latest", "o1", "o3-mini", "o4-mini-2025-04-16", "ft:gpt-4o-mini:acme::1", "davinci-002",
		"text-embedding-3-large", "omni-moderation-latest", "dall-e-3", "gpt-image-1", "whisper-1", "tts-1-hd", models.Default,
	} {
		if !serves(model) {
			t.Errorf("%s is not matched", model)
		}
	}
	for _, model := range operationModels {
		if !serves(model) {
			t.Errorf("%s, used by default, is not matched", model)
		}
	}
	for _, model := range []string{"claude-sonnet-4", "gemini-2.5-pro", "llama3", "o", "ollama", "mistral-large", "echo"} {
		if serves(model) {
			t.Errorf("%s is matched", model)
		}
	}
}

func TestCreatingABatchOrAFileIsNeverRepeatedBlindly(t *testing.T) {
	t.Parallel()
	m := New().Describe()
	for _, op := range m.Operations {
		creates := op.Name == provider.OpBatchesCreate || op.Name == provider.OpFilesUpload
		if op.Unsafe != creates {
			t.Errorf("%s: unsafe is %v", op.Name, op.Unsafe)
		}
	}
}

func TestWithoutAKeyNothingIsSent(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	_, err := openWithKey(t, p.url, "", nil).Call(t.Context(), request(provider.OpModels, ""))
	if e := wantError(t, err, provider.CodeAuth); !strings.Contains(e.Message, "OPENAI_API_KEY") || len(p.requests) != 0 {
		t.Errorf("got %v after %d requests", e, len(p.requests))
	}
}
