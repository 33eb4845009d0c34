package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// recordedErrors are the classes of the recorded failures.
var recordedErrors = map[int]provider.Code{404: provider.CodeNotFound, 429: provider.CodeRateLimit}

func TestRecordedAnswersOfAMockAreUnderstood(t *testing.T) {
	t.Parallel()
	played := 0
	for _, tr := range plugintest.Transcripts(t, "aimock-1.43.0.json") {
		if !strings.HasPrefix(tr.Request.Path, "/v1beta/") {
			continue
		}
		played++
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			checkTranscript(t, tr)
		})
	}
	if played < 9 {
		t.Errorf("played %d exchanges", played)
	}
}

// checkTranscript makes the recorded request again.
func checkTranscript(t *testing.T, tr plugintest.Transcript) {
	t.Helper()
	conn := open(t, plugintest.Serve(t, tr.Replay))
	path, _, _ := strings.Cut(tr.Request.Path, "?")
	_, method, _ := strings.Cut(path, ":")
	const asked = `{"messages":[{"role":"user","content":"hello"}],"input":"embed me"}`
	op, want := provider.OpChat, "canned reply."
	switch {
	case method == methodEmbed, method == methodEmbedBatch:
		op, want = provider.OpEmbeddings, `"embedding":[0.1,0.2,0.3]`
	case method == "":
		op = provider.OpModels
	case strings.Contains(tr.Name, "tool"):
		want = `"arguments":"{\"city\":\"Paris\"}"`
	}
	if method == methodStream {
		for _, op := range []string{provider.OpChat, opGenerate} {
			got, err := plugintest.Stream(t, conn, plugintest.Request(op, asked))
			if err != nil || got.Finish.Reason != "stop" || !strings.Contains(strings.Join(got.Chunks, ""), want) {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		return
	}
	got, err := conn.Call(t.Context(), plugintest.Request(op, asked))
	if tr.Response.Status != http.StatusOK {
		e := plugintest.WantError(t, err, recordedErrors[tr.Response.Status])
		if wait := tr.Response.Headers["retry-after"]; wait != "" && e.RetryAfter.Seconds() != 1 {
			t.Errorf("got %+v", e)
		}
		return
	}
	if err != nil || !strings.Contains(string(got.Body), want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if op == provider.OpChat && (got.FinishReason != "stop" && got.FinishReason != "tool_calls" || got.Usage == nil) {
		t.Errorf("reported %+v", got.Meta)
	}
}
