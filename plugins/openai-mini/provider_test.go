package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
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

const request = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

// open opens an endpoint without a key, as at a server of one's own.
func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url + "/v1"}, "")
}

// fakeServer answers as OpenAI's description says and holds requests against it.
func fakeServer(t testing.TB) *plugintest.Service {
	t.Helper()
	spec := plugintest.LoadSpec("openai/openapi.yaml")
	healthy := providertest.OpenAI().Handler
	return plugintest.NewService(t, healthy.ServeHTTP, func(r *http.Request, body []byte) {
		clone := r.Clone(r.Context())
		clone.URL.Path = strings.TrimPrefix(r.URL.Path, "/v1")
		spec.CheckRequest(t, clone, body)
	})
}

func TestEveryOperationIsSentWithoutAKey(t *testing.T) {
	t.Parallel()
	s := fakeServer(t)
	conn := open(t, s.URL)
	lines := map[string]string{
		provider.OpChat:           "POST /v1/chat/completions",
		provider.OpCompletions:    "POST /v1/completions",
		provider.OpEmbeddings:     "POST /v1/embeddings",
		provider.OpImagesGenerate: "POST /v1/images/generations",
		provider.OpFilesList:      "GET /v1/files",
		provider.OpFilesGet:       "GET /v1/files/f1",
		provider.OpFilesDelete:    "DELETE /v1/files/f1",
		provider.OpModels:         "GET /v1/models",
	}
	bodies := map[string]string{
		provider.OpChat:           `{"messages":[{"role":"user","content":"hi"}],"stop":["END"],"temperature":0,"top_p":1,"max_tokens":5}`,
		provider.OpCompletions:    `{"model":"gpt-3.5-turbo-instruct","prompt":"hi"}`,
		provider.OpEmbeddings:     `{"input":"hi"}`,
		provider.OpImagesGenerate: `{"prompt":"a cat"}`,
		provider.OpFilesGet:       `{"file_id":"f1"}`,
		provider.OpFilesDelete:    `{"file_id":"f1"}`,
	}
	for op, line := range lines {
		if _, err := conn.Call(t.Context(), plugintest.Request(op, bodies[op])); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		sent := <-s.Requests
		if sent.Line() != line || sent.Header.Get("Authorization") != "" {
			t.Errorf("%s: sent %s with %q", op, sent.Line(), sent.Header.Get("Authorization"))
		}
		if model := operationModels[op]; model != "" && !strings.Contains(sent.Body, `"model":"`+model+`"`) {
			t.Errorf("%s: sent %s", op, sent.Body)
		}
	}
}

func TestFilesAndSoundGoBothWays(t *testing.T) {
	t.Parallel()
	s := fakeServer(t)
	conn := open(t, s.URL)
	for op, fields := range map[string][]string{
		provider.OpFilesUpload:        {"purpose", "fine-tune"},
		provider.OpAudioTranscription: {"response_format", "text"},
		provider.OpAudioTranslation:   {"prompt", "Hello"},
	} {
		form, kind := plugintest.Form(t, "file", "talk.mp3", "sound", fields...)
		if _, err := plugintest.Transfer(t, conn, plugintest.Request(op, `{}`), form, kind); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		if sent := <-s.Requests; !strings.Contains(sent.Body, `filename="talk.mp3"`) || !strings.HasPrefix(sent.Header.Get("Content-Type"), "multipart/form-data") {
			t.Errorf("%s: sent %s", op, sent.Body)
		}
	}
	for op, body := range map[string]string{
		provider.OpAudioSpeech: `{"input":"Hello","voice":"alloy","speed":1}`, provider.OpFilesContent: `{"file_id":"f1"}`,
	} {
		got, err := plugintest.Transfer(t, conn, plugintest.Request(op, body), nil, "")
		if err != nil || string(got.Body) != "the kit's bytes" {
			t.Errorf("%s: got %+v, %v", op, got, err)
		}
		<-s.Requests
	}
}

func TestATextAnswerOfATranscriptionIsPassedOn(t *testing.T) {
	t.Parallel()
	url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, "text/plain; charset=utf-8", "Hello.\n")
	})
	form, kind := plugintest.Form(t, "file", "talk.mp3", "sound", "response_format", "text")
	got, err := plugintest.Transfer(t, open(t, url), plugintest.Request(provider.OpAudioTranscription, `{}`), form, kind)
	if err != nil || string(got.Body) != "Hello.\n" || got.Head.ContentType != "text/plain; charset=utf-8" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsDeclaredIsSmall(t *testing.T) {
	t.Parallel()
	m := New().Describe()
	for _, op := range m.Operations {
		if slices.Contains([]string{provider.OpResponses, provider.OpModerations, provider.OpImagesEdit, provider.OpBatchesCreate}, op.Name) {
			t.Errorf("%s is declared", op.Name)
		}
	}
	if m.Credential.Required || m.Settings.Attributes[0].Name != "base_url" {
		t.Errorf("got %+v", m)
	}
}

func TestRecordedAnswersOfTwoServersAreUnderstood(t *testing.T) {
	t.Parallel()
	operations := map[string]string{
		"/v1/chat/completions": provider.OpChat, "/v1/completions": provider.OpCompletions,
		"/v1/embeddings": provider.OpEmbeddings, "/v1/models": provider.OpModels,
	}
	for _, file := range []string{"llama-server-b10587-chat.json", "llama-server-b10587-auth.json", "ollama-v0.24.0.json"} {
		for _, tr := range plugintest.Transcripts(t, file) {
			op, ok := operations[tr.Request.Path]
			if !ok {
				continue
			}
			t.Run(file+" "+tr.Name, func(t *testing.T) {
				t.Parallel()
				checkTranscript(t, tr, op)
			})
		}
	}
}

func checkTranscript(t *testing.T, tr plugintest.Transcript, op string) {
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
		if err == nil && (len(got.Chunks) == 0 || got.Finish.Reason == "") {
			t.Errorf("got %+v", got)
		}
	} else {
		_, err = conn.Call(t.Context(), plugintest.Request(op, tr.Body()))
	}
	if failed := tr.Response.Status >= http.StatusBadRequest; failed != (err != nil) {
		t.Errorf("status %d: got %v", tr.Response.Status, err)
	}
	if tr.Response.Status == http.StatusUnauthorized {
		plugintest.WantError(t, err, provider.CodeAuth)
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
