package main

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

// open opens an endpoint without a key.
func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url + "/v1"}, "")
}

// calls are calls of vLLM's operations: what is sent, what comes back, and what
// the caller gets of it.
var calls = []struct{ op, body, line, sent, answer, want string }{
	{
		op: provider.OpCompletions, body: `{"model":"m","prompt":["a","b"],"top_k":5,"min_p":0.1,"use_beam_search":true,"best_of":2,"ignore_eos":true}`,
		line: "POST /v1/completions", sent: `{"model":"m","prompt":["a","b"],"top_k":5,"min_p":0.1,"use_beam_search":true,"best_of":2,"ignore_eos":true}`,
		answer: `{"object":"text_completion","choices":[{"index":0,"text":"x","finish_reason":"stop"},{"index":1,"text":"y","finish_reason":"length"}]}`,
	},
	{
		op: provider.OpChat, body: `{"model":"m","messages":[],"structured_outputs":{"choice":["a","b"]},"chat_template_kwargs":{"enable_thinking":false},"priority":1}`,
		line: "POST /v1/chat/completions", sent: `{"model":"m","messages":[],"structured_outputs":{"choice":["a","b"]},"chat_template_kwargs":{"enable_thinking":false},"priority":1}`,
		answer: `{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"x","reasoning":"hm","reasoning_content":"hm"},"finish_reason":"stop"}]}`,
		want:   `{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"x","reasoning_content":"hm"},"finish_reason":"stop"}]}`,
	},
	{
		op: provider.OpChat, body: `{"model":"adapter","messages":[{"role":"assistant","content":"x","reasoning_content":"hm"}]}`,
		line: "POST /v1/chat/completions", sent: `{"model":"adapter","messages":[{"role":"assistant","content":"x","reasoning":"hm"}]}`, answer: `{"object":"chat.completion"}`,
	},
	{op: provider.OpEmbeddings, body: `{"model":"m","input":["a"],"encoding_format":"base64"}`, line: "POST /v1/embeddings", sent: `{"model":"m","input":["a"],"encoding_format":"base64"}`, answer: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAAA=="}]}`},
	{op: provider.OpRerank, body: `{"model":"m","query":"q","documents":["a"]}`, line: "POST /v1/rerank", sent: `{"model":"m","query":"q","documents":["a"]}`, answer: `{"id":"r","model":"m","usage":{"total_tokens":5},"results":[{"index":0,"document":{"text":"a"},"relevance_score":0.5}]}`},
	{op: "score", body: `{"model":"m","text_1":"a","text_2":["b","c"]}`, line: "POST /score", sent: `{"model":"m","text_1":"a","text_2":["b","c"]}`, answer: `{"object":"list","data":[{"index":0,"object":"score","score":1},{"index":1,"object":"score","score":0.01}],"usage":{}}`},
	{op: "pooling", body: `{"model":"m","input":"a"}`, line: "POST /pooling", sent: `{"model":"m","input":"a"}`, answer: `{"object":"list","data":[{"index":0,"object":"pooling","data":[[1,2]]}]}`},
	{op: "classify", body: `{"model":"m","input":["a"]}`, line: "POST /classify", sent: `{"model":"m","input":["a"]}`, answer: `{"object":"list","data":[{"index":0,"label":"good","probs":[0.9,0.1],"num_classes":2}]}`},
	{op: "tokenize", body: `{"model":"m","prompt":"a b"}`, line: "POST /tokenize", sent: `{"model":"m","prompt":"a b"}`, answer: `{"count":2,"max_model_len":512,"tokens":[1,2]}`},
	{op: "detokenize", body: `{"model":"m","tokens":[1,2]}`, line: "POST /detokenize", sent: `{"model":"m","tokens":[1,2]}`, answer: `{"prompt":"a b"}`},
	{op: "lora.load", body: `{"lora_name":"a","lora_path":"/p","model":"m"}`, line: "POST /v1/load_lora_adapter", sent: `{"lora_name":"a","lora_path":"/p","model":"m"}`, answer: "Success: LoRA adapter 'a' added successfully.", want: `{"message":"Success: LoRA adapter 'a' added successfully.","status":"success"}`},
	{op: "lora.unload", body: `{"lora_name":"a"}`, line: "POST /v1/unload_lora_adapter", sent: `{"lora_name":"a"}`, answer: "", want: `{"status":"success"}`},
	{op: "lora.list", body: `{}`, line: "GET /v1/models", answer: `{"object":"list","data":[{"id":"m","parent":null},{"id":"a","root":"/p","parent":"m"}]}`, want: `{"data":[{"id":"a","root":"/p","parent":"m"}],"object":"list"}`},
	{op: "health", body: `{}`, line: "GET /health", answer: "", want: `{"status":"success"}`},
	{op: "version", body: `{}`, line: "GET /version", answer: `{"version":"0.11.0"}`},
	{op: provider.OpModels, body: `{}`, line: "GET /v1/models", answer: `{"object":"list","data":[{"id":"m","object":"model","max_model_len":512}]}`},
	{
		op: "metrics", body: `{}`, line: "GET /metrics",
		answer: "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"a\\\"b\",engine=\"0\"} 2\nvllm:x_bucket{le=\"1\"} 3\nvllm:x_count 4 1700000000\nvllm:y NaN\nup 1e3\n",
		want:   `{"data":[{"name":"vllm:num_requests_running","labels":{"engine":"0","model_name":"a\"b"},"value":2},{"name":"vllm:x_count","value":4},{"name":"up","value":1000}],"object":"list"}`,
	},
}

func TestEachOperationIsSentWhereVLLMHasIt(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, tt := range calls {
		tried[tt.op] = true
		t.Run(tt.op, func(t *testing.T) {
			t.Parallel()
			s := plugintest.NewService(t, func(w http.ResponseWriter, _ *http.Request) {
				kind := "application/json"
				if !json.Valid([]byte(tt.answer)) {
					kind = "text/plain; charset=utf-8"
				}
				plugintest.Write(w, http.StatusOK, kind, tt.answer)
			}, nil)
			got, err := open(t, s.URL).Call(t.Context(), plugintest.Request(tt.op, tt.body))
			if err != nil {
				t.Fatal(err)
			}
			sent := <-s.Requests
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
	for _, op := range New().Describe().Operations {
		if op.Has(provider.ModeCall) && !tried[op.Name] && op.Name != provider.OpResponses {
			t.Errorf("%s is declared and not tried", op.Name)
		}
	}
}

func TestVLLMsOwnDescriptionTakesTheRequests(t *testing.T) {
	t.Parallel()
	spec := plugintest.LoadSpec("vllm/openapi.2024-11.json")
	healthy := providertest.OpenAI().Handler
	s := plugintest.NewService(t, healthy.ServeHTTP, func(r *http.Request, body []byte) { spec.CheckRequest(t, r, body) })
	conn := open(t, s.URL)
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

func TestAnswersThatCannotBeReadAreErrors(t *testing.T) {
	t.Parallel()
	for op, answer := range map[string]string{"lora.list": "<p>", "metrics": "<p>", "version": "<p>", "tokenize": "[]"} {
		url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "text/html", answer)
		})
		_, err := open(t, url).Call(t.Context(), plugintest.Request(op, `{"model":"m"}`))
		plugintest.WantError(t, err, provider.CodeProtocol)
	}
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

func TestSoundGoesToVLLM(t *testing.T) {
	t.Parallel()
	s := plugintest.NewService(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, "application/json", `{"text":"Hello."}`)
	}, nil)
	conn := open(t, s.URL)
	for op, path := range map[string]string{provider.OpAudioTranscription: "transcriptions", provider.OpAudioTranslation: "translations"} {
		form, kind := plugintest.Form(t, "file", "a.wav", "sound", "model", "openai/whisper-small")
		got, err := plugintest.Transfer(t, conn, plugintest.Request(op, `{}`), form, kind)
		if sent := <-s.Requests; err != nil || string(got.Body) != `{"text":"Hello."}` || sent.Line() != "POST /v1/audio/"+path {
			t.Errorf("sent %s, got %+v, %v", sent.Line(), got, err)
		}
	}
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, request)
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]plugintest.Broken{
		"vLLM's own error in mid-stream": {
			ContentType: "text/event-stream", Code: provider.CodeInvalidRequest,
			Parts: []string{plugintest.FirstChunk, "data: {\"error\":{\"message\":\"bad\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}}\n\ndata: [DONE]\n\n"},
		},
	}
	for name, c := range plugintest.BrokenChat {
		cases[name] = c
	}
	plugintest.CheckBroken(t, open, provider.OpChat, request, cases)
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	plugintest.CheckCancel(t, open, provider.OpChat, request, "text/event-stream", plugintest.FirstChunk)
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
