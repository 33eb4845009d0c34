package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// transcripts hold answers of other servers with a Messages API, recorded off
// the socket. They lie beside the repository.
var transcripts = []string{"llama-server-b10587-chat", "llama-server-b10587-auth", "ollama-v0.24.0", "aimock-1.43.0"}

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

// body returns all that was sent.
func (tr transcript) body() string {
	var all strings.Builder
	for _, c := range tr.Response.Chunks {
		all.WriteString(c.Data)
	}
	return all.String()
}

// codesOf are the classes of the recorded failures.
var codesOf = map[int]provider.Code{
	400: provider.CodeInvalidRequest, 401: provider.CodeAuth, 404: provider.CodeNotFound, 429: provider.CodeRateLimit, 500: provider.CodeUpstream,
}

func TestRecordedAnswersOfOtherServersAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, file := range transcripts {
		data, err := os.ReadFile("../../../shared/transcripts/" + file + ".json")
		if err != nil {
			t.Skip("the recorded answers are not beside the repository")
		}
		var all []transcript
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatal(err)
		}
		for _, tr := range all {
			op := map[string]string{pathMessages: provider.OpChat, pathCount: opCountTokens}[tr.Request.Path]
			if op == "" {
				continue
			}
			t.Run(file+"/"+tr.Name, func(t *testing.T) {
				t.Parallel()
				tr.check(t, op)
			})
		}
	}
}

// check asks for the recorded answer in chat's form and in Anthropic's.
func (tr transcript) check(t *testing.T, op string) {
	t.Helper()
	conn := open(t, serve(t, tr.replay), nil)
	chat := request(op, `{`+hi+`}`)
	raw := request(opMessages, string(tr.Request.Body))
	switch {
	case tr.Response.Status != http.StatusOK:
		_, err := conn.Call(t.Context(), chat)
		wantError(t, err, codesOf[tr.Response.Status])
		_, err = conn.Call(t.Context(), raw)
		wantError(t, err, codesOf[tr.Response.Status])
	case strings.Contains(tr.body(), "data: "):
		got, err := stream(t, conn, chat)
		if err != nil {
			t.Fatal(err)
		}
		message := assemble(t, got.chunks)
		if message["content"] == "" && message["tool_calls"] == nil || got.finish.Reason == "" || got.finish.Usage == nil {
			t.Errorf("got %v, %+v", message, got.finish)
		}
		if got, err := stream(t, conn, raw); err != nil || len(got.chunks) != strings.Count(tr.body(), "data: ") {
			t.Errorf("got %q, %v", got.chunks, err)
		}
	case op == opCountTokens:
		got, err := conn.Call(t.Context(), chat)
		if err != nil || string(got.Body) != tr.body() {
			t.Errorf("got %v, %v", got, err)
		}
	default:
		got, err := conn.Call(t.Context(), chat)
		if err != nil || got.FinishReason == "" || got.Usage == nil {
			t.Fatalf("got %+v, %v", got, err)
		}
		if got, err := conn.Call(t.Context(), raw); err != nil || string(got.Body) != tr.body() {
			t.Errorf("got %v, %v", got, err)
		}
	}
}
