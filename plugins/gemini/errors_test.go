package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, hello)
}

func TestErrorsInAStreamHaveTheClassOfTheirWords(t *testing.T) {
	t.Parallel()
	for word, want := range statuses {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			_, err := plugintest.Stream(t, open(t, plugintest.Serve(t, says(200, "text/event-stream",
				`data: {"error":{"message":"no","status":"`+word+`","details":[{"retryDelay":"9s"}]}}`+"\n\n"))), plugintest.Request(provider.OpChat, hello))
			if e := plugintest.WantError(t, err, want); e.Type != word || e.Message != "no" || e.RetryAfter != 9*time.Second {
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
				conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": plugintest.Serve(t, handler)}, key)
				_, callErr := conn.Call(t.Context(), plugintest.Request(provider.OpChat, hello))
				_, streamErr := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, hello))
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
	conn := open(t, s.URL)
	bodies := map[string]string{
		provider.OpChat: hello, opGenerate: `{"contents":[{"parts":[{"text":"hi"}]}]}`, opTokens: hello,
		provider.OpModels: "", provider.OpEmbeddings: `{"input":"hi"}`,
	}
	for op, body := range bodies {
		if _, err := conn.Call(t.Context(), plugintest.Request(op, body)); err != nil {
			t.Fatal(op, err)
		}
		got := <-s.Requests
		if got.Header.Get(keyHeader) != testKey || strings.Contains(got.URL.Path+got.URL.RawQuery+got.Body, testKey) || got.Header.Get("Authorization") != "" {
			t.Errorf("%s: got %+v", op, got)
		}
	}
}

func TestWithoutAKeyNothingIsSent(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL}, "")
	for _, op := range []string{provider.OpChat, opGenerate, opTokens, provider.OpModels} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, hello))
		if e := plugintest.WantError(t, err, provider.CodeAuth); !strings.Contains(e.Message, "GEMINI_API_KEY") || !strings.Contains(e.Message, "GOOGLE_API_KEY") {
			t.Errorf("%s: got %v", op, e)
		}
	}
	if len(s.Requests) > 0 {
		t.Error("the service was asked all the same")
	}
	own := plugintest.Request(provider.OpChat, hello)
	own.Credential = provider.NewSecret("AIzaSyOfThisCall0000000")
	if _, err := conn.Call(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if got := <-s.Requests; got.Header.Get(keyHeader) != "AIzaSyOfThisCall0000000" {
		t.Errorf("the key of the call was not used: %+v", got.Header)
	}
}
