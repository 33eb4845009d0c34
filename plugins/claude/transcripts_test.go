package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// codesOf are the classes of the recorded failures.
var codesOf = map[int]provider.Code{
	400: provider.CodeInvalidRequest, 401: provider.CodeAuth, 404: provider.CodeNotFound, 429: provider.CodeRateLimit, 500: provider.CodeUpstream,
}

func TestRecordedAnswersOfOtherServersAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"llama-server-b10587-chat", "llama-server-b10587-auth", "ollama-v0.24.0", "aimock-1.43.0"} {
		for _, tr := range plugintest.Transcripts(t, file+".json") {
			op := map[string]string{pathMessages: provider.OpChat, pathCount: opCountTokens}[tr.Request.Path]
			if op == "" {
				continue
			}
			t.Run(file+"/"+tr.Name, func(t *testing.T) {
				t.Parallel()
				check(t, tr, op)
			})
		}
	}
}

// check asks for the recorded answer in chat's form and in Anthropic's.
func check(t *testing.T, tr plugintest.Transcript, op string) {
	t.Helper()
	conn := open(t, plugintest.Serve(t, tr.Replay))
	chat, raw := plugintest.Request(op, `{`+hi+`}`), plugintest.Request(opMessages, tr.Body())
	switch {
	case tr.Response.Status != http.StatusOK:
		_, err := conn.Call(t.Context(), chat)
		plugintest.WantError(t, err, codesOf[tr.Response.Status])
		_, err = conn.Call(t.Context(), raw)
		plugintest.WantError(t, err, codesOf[tr.Response.Status])
	case strings.Contains(tr.Answer(), "data: "):
		got, err := plugintest.Stream(t, conn, chat)
		if err != nil {
			t.Fatal(err)
		}
		message := assemble(t, got.Chunks)
		if message["content"] == "" && message["tool_calls"] == nil || got.Finish.Reason == "" || got.Finish.Usage == nil {
			t.Errorf("got %v, %+v", message, got.Finish)
		}
		if got, err := plugintest.Stream(t, conn, raw); err != nil || len(got.Chunks) != strings.Count(tr.Answer(), "data: ") {
			t.Errorf("got %q, %v", got.Chunks, err)
		}
	case op == opCountTokens:
		got, err := conn.Call(t.Context(), chat)
		if err != nil || string(got.Body) != tr.Answer() {
			t.Errorf("got %v, %v", got, err)
		}
	default:
		got, err := conn.Call(t.Context(), chat)
		if err != nil || got.FinishReason == "" || got.Usage == nil {
			t.Fatalf("got %+v, %v", got, err)
		}
		if got, err := conn.Call(t.Context(), raw); err != nil || string(got.Body) != tr.Answer() {
			t.Errorf("got %v, %v", got, err)
		}
	}
}
