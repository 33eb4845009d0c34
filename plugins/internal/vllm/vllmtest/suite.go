// Package vllmtest holds the tests that every plugin for vLLM's servers passes.
package vllmtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

const request = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

// suite is one run of the tests.
type suite struct {
	*testing.T
	newProvider func() provider.Provider
}

// Run runs the tests as parallel subtests.
func Run(t *testing.T, newProvider func() provider.Provider) {
	for name, test := range map[string]func(suite){
		"each operation is sent where vLLM has it":  suite.operations,
		"vLLM's own description takes the requests": suite.description,
		"answers that cannot be read are errors":    suite.unreadable,
		"sound goes to vLLM":                        suite.sound,
		"broken streams are errors":                 suite.broken,
		"cancel closes the connection":              suite.cancel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(suite{t, newProvider})
		})
	}
}

// open opens an endpoint without a key.
func (s suite) open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, s.newProvider(), plugintest.Settings{"base_url": url + "/v1"}, "")
}

func (s suite) operations() {
	t := s.T
	tried := map[string]bool{}
	for _, tt := range calls {
		tried[tt.op] = true
		t.Run(tt.op, func(t *testing.T) {
			t.Parallel()
			service := plugintest.NewService(t, func(w http.ResponseWriter, _ *http.Request) {
				kind := "application/json"
				if !json.Valid([]byte(tt.answer)) {
					kind = "text/plain; charset=utf-8"
				}
				plugintest.Write(w, http.StatusOK, kind, tt.answer)
			}, nil)
			got, err := s.open(t, service.URL).Call(t.Context(), plugintest.Request(tt.op, tt.body))
			if err != nil {
				t.Fatal(err)
			}
			sent := <-service.Requests
			if sent.Line() != tt.line || sent.Body != tt.sent || sent.Header.Get("Authorization") != "" || sent.Header.Get("X-Request-Id") != "req_host" {
				t.Errorf("sent %s %s %v", sent.Line(), sent.Body, sent.Header)
			}
			if tt.want == "" {
				tt.want = tt.answer
			}
			if string(got.Body) != tt.want || got.ContentType != "" && got.ContentType != "application/json" {
				t.Errorf("got %q %s\nwant %s", got.ContentType, got.Body, tt.want)
			}
		})
	}
	for _, op := range s.newProvider().Describe().Operations {
		if op.Has(provider.ModeCall) && !tried[op.Name] && op.Name != provider.OpResponses && !strings.HasPrefix(op.Name, "server.") {
			t.Errorf("%s is declared and not tried", op.Name)
		}
	}
}

func (s suite) description() {
	t := s.T
	spec := plugintest.LoadSpec("vllm/openapi.2024-11.json")
	healthy := providertest.OpenAI().Handler
	service := plugintest.NewService(t, healthy.ServeHTTP, func(r *http.Request, body []byte) { spec.CheckRequest(t, r, body) })
	conn := s.open(t, service.URL)
	for op, body := range map[string]string{
		provider.OpChat:        `{"model":"m","messages":[{"role":"user","content":"hi"}],"top_k":5,"min_p":0.1,"repetition_penalty":1.1,"best_of":1,"use_beam_search":false,"stop_token_ids":[1],"min_tokens":1,"guided_choice":["a"]}`,
		provider.OpCompletions: `{"model":"m","prompt":["a","b"],"top_k":5,"ignore_eos":true}`,
		provider.OpEmbeddings:  `{"model":"m","input":["a"],"encoding_format":"base64"}`,
		"tokenize":             `{"model":"m","prompt":"a","add_special_tokens":false}`,
		"detokenize":           `{"model":"m","tokens":[1,2]}`,
		"version":              `{}`,
		"health":               `{}`,
		provider.OpModels:      `{}`,
	} {
		if _, err := conn.Call(t.Context(), plugintest.Request(op, body)); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, request)); err != nil {
		t.Error(err)
	}
}

func (s suite) unreadable() {
	t := s.T
	for op, answer := range map[string]string{"lora.list": "<p>", "metrics": "<p>", "version": "<p>", "tokenize": "[]"} {
		url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "text/html", answer)
		})
		_, err := s.open(t, url).Call(t.Context(), plugintest.Request(op, `{"model":"m"}`))
		if e := plugintest.WantError(t, err, provider.CodeProtocol); e.Message == "" {
			t.Errorf("%s: got %+v", op, e)
		}
	}
}

func (s suite) sound() {
	t := s.T
	service := plugintest.NewService(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, "application/json", `{"text":"Hello."}`)
	}, nil)
	conn := s.open(t, service.URL)
	for op, path := range map[string]string{provider.OpAudioTranscription: "transcriptions", provider.OpAudioTranslation: "translations"} {
		form, kind := plugintest.Form(t, "file", "a.wav", "sound", "model", "openai/whisper-small")
		got, err := plugintest.Transfer(t, conn, plugintest.Request(op, `{}`), form, kind)
		if sent := <-service.Requests; err != nil || string(got.Body) != `{"text":"Hello."}` || sent.Line() != "POST /v1/audio/"+path {
			t.Errorf("sent %s, got %+v, %v", sent.Line(), got, err)
		}
	}
}

func (s suite) broken() {
	t := s.T
	cases := map[string]plugintest.Broken{
		"vLLM's own error in mid-stream": {
			ContentType: "text/event-stream", Code: provider.CodeInvalidRequest,
			Parts: []string{plugintest.FirstChunk, "data: {\"error\":{\"message\":\"bad\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}}\n\ndata: [DONE]\n\n"},
		},
	}
	for name, c := range plugintest.BrokenChat {
		cases[name] = c
	}
	plugintest.CheckBroken(t, s.open, provider.OpChat, request, cases)
}

func (s suite) cancel() {
	t := s.T
	plugintest.CheckCancel(t, s.open, provider.OpChat, request, "text/event-stream", plugintest.FirstChunk)
}
