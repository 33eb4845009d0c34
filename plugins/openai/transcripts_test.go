package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// codesOf are the classes of the recorded failures.
var codesOf = map[int]provider.Code{
	400: provider.CodeInvalidRequest, 404: provider.CodeNotFound, 500: provider.CodeUpstream, 501: provider.CodeUnsupported,
}

func TestRecordedAnswersOfAnotherServerAreUnderstood(t *testing.T) {
	t.Parallel()
	operations := map[string]string{
		"/v1/chat/completions": provider.OpChat, "/v1/completions": provider.OpCompletions, "/v1/responses": provider.OpResponses,
		"/v1/embeddings": provider.OpEmbeddings, "/v1/models": provider.OpModels,
	}
	for _, tr := range plugintest.Transcripts(t, "llama-server-b10587-chat.json") {
		op, ok := operations[tr.Request.Path]
		if !ok {
			continue
		}
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, serve(t, tr.Replay), nil)
			body := tr.Body()
			if strings.Contains(tr.Answer(), "data: ") && tr.Response.Status == http.StatusOK {
				got, err := stream(t, conn, request(op, body))
				checkRecorded(t, tr, got, err, strings.Contains(body, "include_usage"))
				return
			}
			got, err := conn.Call(t.Context(), request(op, body))
			if tr.Response.Status != http.StatusOK {
				want := codesOf[tr.Response.Status]
				if strings.Contains(tr.Answer(), "exceed_context_size_error") {
					want = provider.CodeTooLarge
				}
				wantError(t, err, want)
				return
			}
			if err != nil || string(got.Body) != tr.Answer() {
				t.Errorf("got %v, %v", got, err)
			}
			if op != provider.OpModels && (got.Usage == nil || got.FinishReason == "") {
				t.Errorf("reported %+v", got.Meta)
			}
		})
	}
}

// checkRecorded compares a stream with the recorded one.
func checkRecorded(t *testing.T, tr plugintest.Transcript, got streamed, err error, withUsage bool) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.SplitSeq(tr.Answer(), "\n") {
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
