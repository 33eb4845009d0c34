package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// transcriptFile holds answers of a mock that others wrote, recorded off the
// socket. It lies beside the repository.
const transcriptFile = "../../../shared/transcripts/aimock-1.43.0.json"

// transcript is one recorded exchange.
type transcript struct {
	Name    string `json:"name"`
	Request struct {
		Path string          `json:"path"`
		Body json.RawMessage `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Chunks  []struct {
			Data string `json:"data"`
		} `json:"chunks"`
	} `json:"response"`
}

// replay answers as was recorded, with the same boundaries between the parts.
func (tr transcript) replay(w http.ResponseWriter, _ *http.Request) {
	for name, value := range tr.Response.Headers {
		switch name {
		case "connection", "transfer-encoding", "content-length", "keep-alive": // this connection's own
		default:
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(tr.Response.Status)
	for _, c := range tr.Response.Chunks {
		if _, err := w.Write([]byte(c.Data)); err != nil {
			return
		}
		w.(http.Flusher).Flush()
	}
}

// recordedErrors are the classes of the recorded failures.
var recordedErrors = map[int]provider.Code{404: provider.CodeNotFound, 429: provider.CodeRateLimit}

func TestRecordedAnswersOfAMockAreUnderstood(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(transcriptFile)
	if err != nil {
		t.Skip("the recorded answers are not beside the repository")
	}
	var all []transcript
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, tr := range all {
		if !strings.HasPrefix(tr.Request.Path, "/v1beta/") {
			continue
		}
		played++
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			tr.check(t)
		})
	}
	if played < 9 {
		t.Errorf("played %d exchanges", played)
	}
}

// check makes the recorded request again.
func (tr transcript) check(t *testing.T) {
	conn := open(t, serve(t, tr.replay))
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
			got, err := stream(t, conn, request(op, asked))
			if err != nil || got.finish.Reason != "stop" || !strings.Contains(strings.Join(got.chunks, ""), want) {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		return
	}
	got, err := conn.Call(t.Context(), request(op, asked))
	if tr.Response.Status != http.StatusOK {
		e := wantError(t, err, recordedErrors[tr.Response.Status])
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
