package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	request  = `{"model":"tgi","messages":[{"role":"user","content":"hi"}]}`
	generate = `{"inputs":"My name is","parameters":{"max_new_tokens":3}}`
)

var chatUsage = provider.Usage{Input: 9, Output: 3, Total: 12}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

func TestChatGoesToTheMessagesAPI(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := open(t, f.URL).Call(t.Context(), plugintest.Request(provider.OpChat, request))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-f.Requests
	if sent.Line() != "POST /v1/chat/completions" || sent.Body != request ||
		sent.Header.Get("Authorization") != "Bearer "+testKey || sent.Header.Get("X-Request-Id") != "req_host" {
		t.Errorf("sent %s %s %v", sent.Line(), sent.Body, sent.Header)
	}
	if string(got.Body) != string(plugintest.Testdata(t, "chat.json")) || *got.Usage != chatUsage || got.FinishReason != "stop" || got.Model != "org/model" {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
}

func TestAStreamOfChatHasToolCallsAndUsage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := plugintest.Stream(t, open(t, f.URL), plugintest.Request(provider.OpChat, request))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; !strings.Contains(sent.Body, `"stream_options":{"include_usage":true}`) {
		t.Errorf("sent %s", sent.Body)
	}
	if len(got.Chunks) != 3 || got.Finish.Reason != "tool_calls" || !reflect.DeepEqual(got.Finish.Usage, &chatUsage) ||
		!strings.Contains(got.Chunks[0], `"id":"call_a"`) {
		t.Errorf("got %+v", got)
	}
}

func TestCompletionsTakeTextsAndReportUsage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	body := `{"model":"tgi","prompt":"Hello","stop":"END","top_p":1,"max_completion_tokens":3}`
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpCompletions, body))
	if err != nil || *got.Usage != chatUsage || got.FinishReason != "length" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if sent := <-f.Requests; !sameJSON(t, sent.Body, `{"model":"tgi","prompt":["Hello"],"stop":["END"],"max_tokens":3}`) {
		t.Errorf("sent %s", sent.Body)
	}
	streamed, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpCompletions, body))
	if err != nil || len(streamed.Chunks) != 2 || !reflect.DeepEqual(streamed.Finish.Usage, &chatUsage) {
		t.Errorf("got %+v, %v", streamed, err)
	}
	_, err = conn.Call(t.Context(), plugintest.Request(provider.OpCompletions, `{"prompt":[1,2]}`))
	if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "prompt" {
		t.Errorf("got %+v", e)
	}
}

func TestGenerateIsTheServersOwn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	got, err := conn.Call(t.Context(), plugintest.Request("generate", generate))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /generate" || sent.Body != generate || sent.Header.Get("X-Request-Id") != "req_host" {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	if string(got.Body) != string(plugintest.Testdata(t, "generate.json")) || got.FinishReason != "stop" ||
		*got.Usage != (provider.Usage{Input: 7, Output: 3, Total: 10}) {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
	all := `{"model":"m","stream":false,"inputs":"a","parameters":{"adapter_id":"lora","best_of":2,"decoder_input_details":true,"details":true,"do_sample":true,` +
		`"frequency_penalty":0.1,"grammar":{"type":"json","value":{"properties":{}}},"max_new_tokens":5,"repetition_penalty":1.1,"return_full_text":false,` +
		`"seed":7,"stop":"x","temperature":0,"top_k":-1,"top_n_tokens":2,"top_p":1.0,"truncate":9,"typical_p":1,"watermark":true}}`
	if _, err := conn.Call(t.Context(), plugintest.Request("generate", all)); err != nil {
		t.Fatal(err)
	}
	want := `{"model":"m","inputs":"a","parameters":{"adapter_id":"lora","best_of":2,"decoder_input_details":true,"details":true,"do_sample":false,` +
		`"frequency_penalty":0.1,"grammar":{"type":"json","value":{"properties":{}}},"max_new_tokens":5,"repetition_penalty":1.1,"return_full_text":false,` +
		`"seed":7,"stop":["x"],"top_n_tokens":2,"truncate":9,"watermark":true}}`
	if sent := <-f.Requests; !sameJSON(t, sent.Body, want) {
		t.Errorf("sent %s", sent.Body)
	}
}

func TestGenerateStreamsTheServersEvents(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := plugintest.Stream(t, open(t, f.URL), plugintest.Request("generate", generate))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /generate_stream" || !sameJSON(t, sent.Body, `{"inputs":"My name is","parameters":{"details":true,"max_new_tokens":3}}`) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	var tokens []string
	for _, chunk := range got.Chunks {
		var ev struct{ Token struct{ Text string } }
		if err := json.Unmarshal([]byte(chunk), &ev); err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, ev.Token.Text)
	}
	usage := provider.Usage{Input: 7, Output: 3, Total: 10}
	if !slices.Equal(tokens, []string{" Hel", "lo", "</s>"}) || got.Finish.Reason != "stop" || *got.Finish.Usage != usage || *got.Usage != usage {
		t.Errorf("got %q, %+v", tokens, got)
	}
}

func TestHostedModelsAreReachedByTheirPath(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := openHosted(t, f.URL)
	got, err := conn.Call(t.Context(), plugintest.Request("generate", `{"model":"owner/model","inputs":"a","options":{"wait_for_model":true,"use_cache":false}}`))
	if err != nil || string(got.Body) != string(plugintest.Testdata(t, "generate.json")) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /models/owner/model" || !sameJSON(t, sent.Body, `{"inputs":"a","options":{"wait_for_model":true,"use_cache":false}}`) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	if got, err := plugintest.Stream(t, conn, plugintest.Request("generate", `{"model":"owner/model","inputs":"a"}`)); err != nil || len(got.Chunks) != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	if sent := <-f.Requests; !strings.Contains(sent.Body, `"stream":true`) {
		t.Errorf("sent %s", sent.Body)
	}
	if _, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"model":"owner/model","messages":[{"role":"user","content":"hi"}]}`)); err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /models/owner/model/v1/chat/completions" {
		t.Errorf("sent %s", sent.Line())
	}
	for op, code := range map[string]provider.Code{"info": provider.CodeUnsupported, "generate": provider.CodeInvalidRequest, provider.OpChat: provider.CodeInvalidRequest} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, `{"inputs":"a","messages":[]}`))
		plugintest.WantError(t, err, code)
	}
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); provider.AsError(err).Code != provider.CodeUnsupported {
		t.Errorf("got %v", err)
	}
}

func TestWhatTheServerTellsOfItself(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	model := strings.TrimSpace(string(plugintest.Testdata(t, "model.json")))
	for op, want := range map[string]string{
		"info": string(plugintest.Testdata(t, "info.json")), "health": `{"status":"ok"}`, "metrics": "tgi_queue_size 0\n",
		provider.OpModels: `{"data":[` + model + `],"object":"list"}`,
	} {
		got, err := conn.Call(t.Context(), plugintest.Request(op, `{}`))
		if err != nil || string(got.Body) != want {
			t.Errorf("%s: got %s, %v", op, got.Body, err)
		}
		<-f.Requests
	}
	for op, body := range map[string]string{"tokenize": generate, "chat_tokenize": request} {
		got, err := conn.Call(t.Context(), plugintest.Request(op, body))
		if err != nil || string(got.Body) != string(plugintest.Testdata(t, op+".json")) {
			t.Errorf("%s: got %v", op, err)
		}
		<-f.Requests
	}
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Error(err)
	}
	if sent := <-f.Requests; sent.Line() != "GET /health" {
		t.Errorf("tested with %s", sent.Line())
	}
}

func TestAKeyIsNotNeeded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": f.URL}, "")
	if _, err := conn.Call(t.Context(), plugintest.Request("generate", generate)); err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Header.Get("Authorization") != "" {
		t.Error("a key was sent")
	}
	own := plugintest.Request("generate", generate)
	own.Credential = provider.NewSecret("hf_callersCallersCallersCallers")
	if _, err := conn.Call(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Header.Get("Authorization") != "Bearer hf_callersCallersCallersCallers" {
		t.Error("the caller's key was not sent")
	}
	if m := New().Describe(); m.Credential.Required || m.Credential.Env[0] != "HF_TOKEN" || m.Credential.Env[1] != "HF_API_KEY" {
		t.Errorf("got %+v", m.Credential)
	}
}

func sameJSON(t testing.TB, got, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(a, b)
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for op, body := range map[string]string{provider.OpChat: request, "generate": generate} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			plugintest.CheckErrors(t, open, op, body)
		})
	}
}

func TestAModelListThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[]`, `{}`, `<oops>`} {
		url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "application/json", body)
		})
		_, err := open(t, url).Call(t.Context(), plugintest.Request(provider.OpModels, `{}`))
		plugintest.WantError(t, err, provider.CodeProtocol)
	}
}
