package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
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

const request = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

// open opens an endpoint as OLLAMA_HOST would have it, without a key.
func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": strings.TrimPrefix(url, "http://")}, "")
}

func TestAnAddressWithoutSchemeAndPathIsEnough(t *testing.T) {
	t.Parallel()
	s := plugintest.NewService(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, "application/json", `{"object":"list","data":[]}`)
	}, nil)
	if _, err := open(t, s.URL).Call(t.Context(), plugintest.Request(provider.OpModels, `{}`)); err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Line() != "GET /v1/models" || sent.Header.Get("Authorization") != "" {
		t.Errorf("sent %s with %q", sent.Line(), sent.Header.Get("Authorization"))
	}
	_, diags := plugintest.TryOpen(t, New(), plugintest.Settings{"base_url": "unix:///run/ollama.sock"}, "")
	if len(diags) != 1 || diags[0].Path != "base_url" {
		t.Errorf("got %+v", diags)
	}
	m := New().Describe()
	if at := m.Settings.Attributes[0]; at.Default != "http://localhost:11434/v1" || at.Env[0] != "OLLAMA_HOST" || m.Credential.Required {
		t.Errorf("got %+v, %+v", at, m.Credential)
	}
}

func TestAKeyIsSentIfThereIsOne(t *testing.T) {
	t.Parallel()
	s := plugintest.NewService(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, "application/json", `{"object":"list","data":[]}`)
	}, nil)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL}, "key-of-a-proxy")
	if _, err := conn.Call(t.Context(), plugintest.Request(provider.OpModels, `{}`)); err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Header.Get("Authorization") != "Bearer key-of-a-proxy" {
		t.Errorf("sent %q", sent.Header.Get("Authorization"))
	}
}

func TestFieldsThatOllamaIgnoresAreRefused(t *testing.T) {
	t.Parallel()
	conn := open(t, "http://127.0.0.1:1")
	for op, fields := range map[string][]openaicompat.Field{provider.OpChat: ignoredByChat, provider.OpCompletions: ignoredByCompletions} {
		for _, field := range fields {
			_, err := conn.Call(t.Context(), plugintest.Request(op, `{"model":"m","`+field.Name+`":7}`))
			if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != field.Name {
				t.Errorf("%s %s: got %+v", op, field.Name, e)
			}
			for _, harmless := range append(field.Harmless, "null") {
				_, err := conn.Call(t.Context(), plugintest.Request(op, `{"model":"m","`+field.Name+`":`+harmless+`}`))
				plugintest.WantError(t, err, provider.CodeUnreachable) // it was sent
			}
		}
	}
}

func TestNewNamesOfOpenAIBecomeThoseThatOllamaKnows(t *testing.T) {
	t.Parallel()
	s := plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		answer := `{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"a","reasoning":"hm"},"finish_reason":"stop"}]}`
		if r.URL.Path == "/v1/embeddings" {
			answer = `{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[1,-2]}]}`
		}
		plugintest.Write(w, http.StatusOK, "application/json", answer)
	}, nil)
	conn := open(t, s.URL)
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"model":"m","max_completion_tokens":5,"messages":[{"role":"assistant","content":"x","reasoning_content":"hm"}]}`))
	if err != nil || !strings.Contains(string(got.Body), `"reasoning_content":"hm"`) {
		t.Errorf("got %v, %v", got, err)
	}
	if sent := <-s.Requests; sent.Body != `{"model":"m","max_tokens":5,"messages":[{"role":"assistant","content":"x","reasoning":"hm"}]}` {
		t.Errorf("sent %s", sent.Body)
	}
	got, err = conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"model":"m","input":"a","encoding_format":"base64"}`))
	if err != nil || !strings.Contains(string(got.Body), `"embedding":"AACAPwAAAMA="`) {
		t.Errorf("got %v, %v", got, err)
	}
	if sent := <-s.Requests; sent.Body != `{"model":"m","input":"a"}` {
		t.Errorf("sent %s", sent.Body)
	}
}

func TestARealOllamasAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	operations := map[string]string{
		"/v1/chat/completions": provider.OpChat, "/v1/completions": provider.OpCompletions,
		"/v1/embeddings": provider.OpEmbeddings, "/v1/models": provider.OpModels,
	}
	replayed := 0
	for _, tr := range plugintest.Transcripts(t, "ollama-v0.24.0.json") {
		op, ok := operations[tr.Request.Path]
		if !ok {
			continue
		}
		replayed++
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, plugintest.Serve(t, tr.Replay))
			if strings.Contains(tr.Answer(), "data: ") {
				got, err := plugintest.Stream(t, conn, plugintest.Request(op, tr.Body()))
				if err != nil || got.Finish.Reason != "length" || got.Finish.Usage == nil || got.Finish.Usage.Output != 4 {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			got, err := conn.Call(t.Context(), plugintest.Request(op, tr.Body()))
			if tr.Response.Status == http.StatusNotFound {
				if e := plugintest.WantError(t, err, provider.CodeNotFound); !strings.Contains(e.Message, "ollama pull nope") {
					t.Errorf("got %v", e)
				}
				return
			}
			if err != nil || string(got.Body) != tr.Answer() {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	if replayed < 4 {
		t.Errorf("only %d exchanges were replayed", replayed)
	}
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, request)
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	t.Parallel()
	plugintest.CheckBroken(t, open, provider.OpChat, request, plugintest.BrokenChat)
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	plugintest.CheckCancel(t, open, provider.OpChat, request, "text/event-stream", plugintest.FirstChunk)
}
