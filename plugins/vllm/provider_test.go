package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/plugins/internal/vllm/vllmtest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", providertest.Profile{})
}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

func TestWhatVLLMCanDo(t *testing.T) { vllmtest.Run(t, New) }

const request = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

// open opens an endpoint without a key.
func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url + "/v1"}, "")
}

func TestQuantizationCannotBeSetAtRunTime(t *testing.T) {
	t.Parallel()
	_, err := open(t, "http://127.0.0.1:1").Call(t.Context(), plugintest.Request("quantization.set", `{}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
}

func TestAKeyIsSentToTheOperationsBesideTheVersionToo(t *testing.T) {
	t.Parallel()
	s := plugintest.NewService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, nil)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL + "/v1"}, "token-abc123")
	if _, err := conn.Call(t.Context(), plugintest.Request("health", `{}`)); err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Header.Get("Authorization") != "Bearer token-abc123" {
		t.Errorf("sent %v", sent.Header)
	}
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, request)
}

// operationOf are the operations behind the recorded paths.
var operationOf = map[string]string{
	"/v1/chat/completions": provider.OpChat, "/v1/completions": provider.OpCompletions, "/v1/responses": provider.OpResponses,
	"/v1/embeddings": provider.OpEmbeddings, "/v1/models": provider.OpModels, "/v1/rerank": provider.OpRerank,
	"/v1/load_lora_adapter": "lora.load", "/v1/unload_lora_adapter": "lora.unload",
	"/tokenize": "tokenize", "/detokenize": "detokenize", "/pooling": "pooling", "/score": "score",
	"/health": "health", "/version": "version", "/metrics": "metrics",
}

func TestRecordedAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"llm-d-inference-sim-v0.10.2.json", "llama-server-b10587-chat.json", "llama-server-b10587-embed.json", "llama-server-b10587-rerank.json",
	} {
		for _, tr := range plugintest.Transcripts(t, file) {
			if op, ok := operationOf[tr.Request.Path]; ok {
				t.Run(file+" "+tr.Name, func(t *testing.T) {
					t.Parallel()
					replay(t, tr, op)
				})
			}
		}
	}
}

func replay(t *testing.T, tr plugintest.Transcript, op string) {
	t.Helper()
	conn := open(t, plugintest.Serve(t, tr.Replay))
	var err error
	if strings.HasPrefix(tr.Response.Headers["content-type"], "text/event-stream") {
		var got plugintest.Streamed
		got, err = plugintest.Stream(t, conn, plugintest.Request(op, tr.Body()))
		if tr.Response.Aborted {
			plugintest.WantError(t, err, provider.CodeProtocol)
			return
		}
		if err == nil && (len(got.Chunks) == 0 || got.Finish.Reason == "" && op != provider.OpResponses) {
			t.Errorf("got %+v", got)
		}
	} else {
		_, err = conn.Call(t.Context(), plugintest.Request(op, tr.Body()))
	}
	if failed := tr.Response.Status >= http.StatusBadRequest; failed != (err != nil) {
		t.Errorf("status %d: got %v", tr.Response.Status, err)
	}
	if err == nil {
		return
	}
	got := provider.AsError(err)
	want := map[int]provider.Code{401: provider.CodeAuth, 404: provider.CodeNotFound, 501: provider.CodeUnsupported}[tr.Response.Status]
	if strings.Contains(tr.Answer(), "maximum context length") || strings.Contains(tr.Answer(), "exceed_context_size") {
		want = provider.CodeTooLarge
	}
	if want != "" && got.Code != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
