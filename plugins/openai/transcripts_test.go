package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// transcriptFile holds answers of llama.cpp's server, recorded off the socket. It
// lies beside the repository.
const transcriptFile = "../../../shared/transcripts/llama-server-b10587-chat.json"

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
		case "connection", "transfer-encoding", "content-length": // this connection's own
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
	400: provider.CodeInvalidRequest, 404: provider.CodeNotFound, 500: provider.CodeUpstream, 501: provider.CodeUnsupported,
}

func TestRecordedAnswersOfAnotherServerAreUnderstood(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(transcriptFile)
	if err != nil {
		t.Skip("the recorded answers are not beside the repository")
	}
	var all []transcript
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	operations := map[string]string{
		"/v1/chat/completions": provider.OpChat, "/v1/completions": provider.OpCompletions, "/v1/responses": provider.OpResponses,
		"/v1/embeddings": provider.OpEmbeddings, "/v1/models": provider.OpModels,
	}
	for _, tr := range all {
		op, ok := operations[tr.Request.Path]
		if !ok {
			continue
		}
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, serve(t, tr.replay), nil)
			body := string(tr.Request.Body)
			if !json.Valid(tr.Request.Body) || !strings.HasPrefix(body, "{") {
				body = "{}" // the recorded request was wrong on purpose
			}
			if strings.Contains(tr.body(), "data: ") && tr.Response.Status == http.StatusOK {
				got, err := stream(t, conn, request(op, body))
				tr.checkStream(t, got, err, strings.Contains(body, "include_usage"))
				return
			}
			got, err := conn.Call(t.Context(), request(op, body))
			if tr.Response.Status != http.StatusOK {
				want := codesOf[tr.Response.Status]
				if strings.Contains(tr.body(), "exceed_context_size_error") {
					want = provider.CodeTooLarge
				}
				wantError(t, err, want)
				return
			}
			if err != nil || string(got.Body) != tr.body() {
				t.Errorf("got %v, %v", got, err)
			}
			if op != provider.OpModels && (got.Usage == nil || got.FinishReason == "") {
				t.Errorf("reported %+v", got.Meta)
			}
		})
	}
}

// checkStream compares a stream with the recorded one.
func (tr transcript) checkStream(t *testing.T, got streamed, err error, withUsage bool) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.SplitSeq(tr.body(), "\n") {
		chunk, ok := strings.CutPrefix(line, "data: ")
		if ok && chunk != "[DONE]" && (withUsage || !strings.Contains(chunk, `"choices":[]`)) {
			want = append(want, chunk)
		}
	}
	if !slices.Equal(got.chunks, want) {
		t.Errorf("got  %q\nwant %q", got.chunks, want)
	}
	if got.finish.Reason == "" {
		t.Errorf("finished with %+v", got.finish)
	}
}
