package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string            `json:"name"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
		Want    struct {
			Code         provider.Code `json:"code"`
			Type         string        `json:"type"`
			UpstreamCode string        `json:"upstream_code"`
			Param        string        `json:"param"`
			RetryAfter   string        `json:"retry_after"`
		} `json:"want"`
	}
	if err := json.Unmarshal(testdata(t, "errors.json"), &cases); err != nil {
		t.Fatal(err)
	}
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			t.Parallel()
			after, _ := time.ParseDuration(tt.Want.RetryAfter) // "" is none
			want := provider.Error{
				Code: tt.Want.Code, StatusCode: tt.Status, Type: tt.Want.Type, UpstreamCode: tt.Want.UpstreamCode,
				Param: tt.Want.Param, RetryAfter: after, Source: provider.SourceUpstream,
			}
			conn := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				kind, body := "application/json; charset=UTF-8", string(tt.Body)
				if json.Unmarshal(tt.Body, &body) == nil { // a page, not JSON
					kind = "text/html"
				}
				for name, value := range tt.Headers {
					w.Header().Set(name, value)
				}
				says(tt.Status, kind, body)(w, r)
			}))
			_, callErr := conn.Call(t.Context(), request(provider.OpChat, hello))
			_, streamErr := stream(t, conn, request(provider.OpChat, hello))
			_, modelsErr := conn.Call(t.Context(), request(provider.OpModels, ""))
			for mode, err := range map[string]error{"call": callErr, "stream": streamErr, "models": modelsErr} {
				got := *wantError(t, err, want.Code)
				if got.Message == "" || strings.Contains(got.Message, "<") {
					t.Errorf("%s: said %q", mode, got.Message)
				}
				got.Cause, got.Message = nil, ""
				if got != want {
					t.Errorf("%s: got  %+v\nwant %+v", mode, got, want)
				}
			}
		})
	}
}

func TestErrorsInAStreamHaveTheClassOfTheirWords(t *testing.T) {
	t.Parallel()
	for word, want := range statuses {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			_, err := stream(t, open(t, serve(t, says(200, "text/event-stream",
				`data: {"error":{"message":"no","status":"`+word+`","details":[{"retryDelay":"9s"}]}}`+"\n\n"))), request(provider.OpChat, hello))
			if e := wantError(t, err, want); e.Type != word || e.Message != "no" || e.RetryAfter != 9*time.Second {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestKeysNeverShowInErrors(t *testing.T) {
	t.Parallel()
	for _, key := range []string{testKey, plainKey} {
		for name, handler := range map[string]http.HandlerFunc{
			"repeated in an error":    says(400, "application/json", `{"error":{"code":400,"message":"bad key `+key+`","status":"`+key+`","details":[{"reason":"`+key+`"},{"fieldViolations":[{"field":"`+key+`"}]},{"violations":[{"quotaId":"`+key+`"}]}]}}`),
			"repeated in a page":      says(200, "text/html", "<p>"+key+"</p>"),
			"repeated in a stream":    says(200, "text/event-stream", `data: {"error":{"message":"`+key+`"}}`+"\n\n"),
			"repeated in a non-event": says(200, "text/event-stream", "data: <"+key+">\n\n"),
			"repeated in a block":     says(200, "text/event-stream", `data: {"promptFeedback":{"blockReason":"`+key+`"}}`+"\n\n"),
			"repeated in a reason":    says(200, "text/event-stream", `data: {"candidates":[{"finishReason":"OTHER","finishMessage":"`+key+`"}]}`+"\n\n"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				conn := openWith(t, serve(t, handler), key, "", nil)
				_, callErr := conn.Call(t.Context(), request(provider.OpChat, hello))
				_, streamErr := stream(t, conn, request(provider.OpChat, hello))
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

func TestTheKeyTravelsInItsHeaderAlone(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	conn := open(t, s.url)
	bodies := map[string]string{
		provider.OpChat: hello, opGenerate: `{"contents":[{"parts":[{"text":"hi"}]}]}`, opTokens: hello,
		provider.OpModels: "", provider.OpEmbeddings: `{"input":"hi"}`,
	}
	for op, body := range bodies {
		if _, err := conn.Call(t.Context(), request(op, body)); err != nil {
			t.Fatal(op, err)
		}
		got := <-s.requests
		if got.header.Get(keyHeader) != testKey || strings.Contains(got.path+got.query+string(got.body), testKey) || got.header.Get("Authorization") != "" {
			t.Errorf("%s: got %+v", op, got)
		}
	}
}

func TestWithoutAKeyNothingIsSent(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	conn := openWith(t, s.url, "", "", nil)
	for _, op := range []string{provider.OpChat, opGenerate, opTokens, provider.OpModels} {
		_, err := conn.Call(t.Context(), request(op, hello))
		if e := wantError(t, err, provider.CodeAuth); !strings.Contains(e.Message, "GEMINI_API_KEY") || !strings.Contains(e.Message, "GOOGLE_API_KEY") {
			t.Errorf("%s: got %v", op, e)
		}
	}
	if len(s.requests) > 0 {
		t.Error("the service was asked all the same")
	}
	own := request(provider.OpChat, hello)
	own.Credential = provider.NewSecret("AIzaSyOfThisCall0000000")
	if _, err := conn.Call(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if got := <-s.requests; got.header.Get(keyHeader) != "AIzaSyOfThisCall0000000" {
		t.Errorf("the key of the call was not used: %+v", got.header)
	}
}
