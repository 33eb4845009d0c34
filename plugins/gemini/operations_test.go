package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRawRequestsAndAnswersPassByteForByte(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/chat.json")
	const body = ` {"contents": [{"role":"user","parts":[{"text":"hi\u00e9"}]}], "generationConfig":{"temperature":1.50}}`
	got, err := open(t, s.URL).Call(t.Context(), plugintest.Request(opGenerate, body))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Body != body || sent.URL.Path != "/v1beta/models/gemini-2.5-flash:generateContent" {
		t.Errorf("sent %s to %s", sent.Body, sent.URL.Path)
	}
	if string(got.Body) != string(plugintest.Testdata(t, "answers/chat.json")) {
		t.Errorf("got %s", got.Body)
	}
	want := &provider.Usage{Input: 12, Output: 25, Total: 37, Cached: 4, Reasoning: 5}
	if !reflect.DeepEqual(got.Usage, want) || got.FinishReason != "stop" || got.Model != "gemini-2.5-flash-001" || got.RequestID != "resp-7" {
		t.Errorf("reported %+v", got.Meta)
	}
}

func TestRawStreamsPassEventByEvent(t *testing.T) {
	t.Parallel()
	s := newService(t, "streams/tools.sse")
	req := plugintest.Request(opGenerate, `{"stream":true,"model":"alias","contents":[{"role":"user","parts":[{"text":"hi"}]}]}`)
	req.Model = "models/gemini-3-flash"
	got, err := plugintest.Stream(t, open(t, s.URL), req)
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Body != `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}` ||
		sent.URL.Path != "/v1beta/models/gemini-3-flash:streamGenerateContent" || sent.URL.RawQuery != "alt=sse" {
		t.Errorf("sent %s to %s?%s", sent.Body, sent.URL.Path, sent.URL.RawQuery)
	}
	var want []string
	for event := range strings.SplitSeq(strings.TrimSpace(string(plugintest.Testdata(t, "streams/tools.sse"))), "\r\n\r\n") {
		want = append(want, strings.TrimPrefix(event, "data: "))
	}
	if !reflect.DeepEqual(got.Chunks, want) || got.Finish.Reason != "tool_calls" || got.Finish.Usage.Output != 9 || got.Meta.Model != "gemini-2.5-flash-001" {
		t.Errorf("got %s\nwant %s\n%+v", got.Chunks, want, got.Finish)
	}
}

func TestARawPromptThatIsRefusedIsTheServicesAnswer(t *testing.T) {
	t.Parallel()
	const body = `{"promptFeedback":{"blockReason":"SAFETY"}}`
	got, err := open(t, plugintest.Serve(t, says(200, "application/json", body))).Call(t.Context(), plugintest.Request(opGenerate, `{"contents":[]}`))
	if err != nil || string(got.Body) != body || got.FinishReason != "content_filter" {
		t.Errorf("got %+v, %v", got, err)
	}
	streamed, err := plugintest.Stream(t, open(t, plugintest.Serve(t, says(200, "text/event-stream", "data: "+body+"\n\n"))), plugintest.Request(opGenerate, `{"contents":[]}`))
	if err != nil || len(streamed.Chunks) != 1 || streamed.Finish.Reason != "content_filter" {
		t.Errorf("got %+v, %v", streamed, err)
	}
}

func TestABodyThatIsNoObjectIsRefused(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	conn := open(t, s.URL)
	for _, op := range []string{opGenerate, opTokens} {
		for _, body := range []string{"", "[]", "null", `"x"`, `{"model":5}`, "{"} {
			_, err := conn.Call(t.Context(), plugintest.Request(op, body))
			plugintest.WantError(t, err, provider.CodeInvalidRequest)
		}
	}
	for _, body := range []string{`{"messages":5}`, `{"messages":[]}`, `{"model":"a b","messages":[{"role":"user","content":"x"}]}`, `{"messages":[{"role":"user","content":5}]}`} {
		_, err := conn.Call(t.Context(), plugintest.Request(opTokens, body))
		plugintest.WantError(t, err, provider.CodeInvalidRequest)
	}
}

// reopen opens the endpoint again, with a model.
func reopen(t testing.TB, conn *client.Conn, url, model string) {
	t.Helper()
	diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{
		ID: "e", Revision: 2, Model: model, Credential: provider.NewSecret(testKey),
		Settings: provider.NewSettings(json.RawMessage(`{"base_url":"` + url + `"}`)),
	})
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
}

func TestTheModelIsChosenInOrder(t *testing.T) {
	t.Parallel()
	const contents = `"contents":[{"role":"user","parts":[{"text":"hi"}]}],"messages":[{"role":"user","content":"hi"}]`
	for _, tt := range []struct{ op, request, body, endpoint, want string }{
		{provider.OpChat, "gemini-a", "gemini-b", "gemini-c", "models/gemini-a"},
		{provider.OpChat, "", "gemini-b", "gemini-c", "models/gemini-b"},
		{provider.OpChat, "", "", "gemini-c", "models/gemini-c"},
		{provider.OpChat, "", "", "", "models/gemini-2.5-flash"},
		{provider.OpChat, "tunedModels/mine-1", "", "", "tunedModels/mine-1"},
		{opTokens, "gemini-a", "gemini-b", "gemini-c", "models/gemini-a"},
		{opTokens, "", "gemini-b", "gemini-c", "models/gemini-b"},
		{opTokens, "", "", "gemini-c", "models/gemini-c"},
		{opTokens, "", "", "", "models/gemini-2.5-flash"},
		{provider.OpEmbeddings, "", "", "", "models/gemini-embedding-001"},
		{provider.OpEmbeddings, "", "models/text-embedding-004", "", "models/text-embedding-004"},
	} {
		var path string
		url := plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			path = strings.TrimPrefix(r.URL.Path, "/v1beta/")
			says(503, "application/json", "{}")(w, r)
		})
		body := `{` + contents + `,"input":"x"}`
		if tt.body != "" {
			body = `{"model":"` + tt.body + `",` + body[1:]
		}
		req := plugintest.Request(tt.op, body)
		req.Model = tt.request
		conn := open(t, url)
		if tt.endpoint != "" {
			req.Revision = 2
			reopen(t, conn, url, tt.endpoint)
		}
		_, err := conn.Call(t.Context(), req)
		plugintest.WantError(t, err, provider.CodeUpstream)
		if model, _, _ := strings.Cut(path, ":"); model != tt.want {
			t.Errorf("%+v: asked %s", tt, path)
		}
	}
}

func TestOneTextIsEmbedded(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/embedding.json")
	got, err := open(t, s.URL).Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"input":"hi","dimensions":3,"task_type":"RETRIEVAL_QUERY","title":"T","user":"u"}`))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-s.Requests
	sameJSON(t, sent.Body, `{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"hi"}]},"outputDimensionality":3,"taskType":"RETRIEVAL_QUERY","title":"T"}`)
	if sent.URL.Path != "/v1beta/models/gemini-embedding-001:embedContent" {
		t.Errorf("asked %s", sent.URL.Path)
	}
	sameJSON(t, string(got.Body), `{"object":"list","model":"gemini-embedding-001","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25,1]}],"usage":{"prompt_tokens":3,"total_tokens":3}}`)
	if got.Usage == nil || got.Usage.Input != 3 {
		t.Errorf("used %+v", got.Usage)
	}
}

func TestSeveralTextsAreEmbeddedTogether(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/embeddings.json")
	got, err := open(t, s.URL).Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"model":"text-embedding-004","input":["a","b"],"encoding_format":"base64","dimensions":2}`))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-s.Requests
	sameJSON(t, sent.Body, `{"requests":[
		{"model":"models/text-embedding-004","content":{"parts":[{"text":"a"}]},"outputDimensionality":2},
		{"model":"models/text-embedding-004","content":{"parts":[{"text":"b"}]},"outputDimensionality":2}]}`)
	if sent.URL.Path != "/v1beta/models/text-embedding-004:batchEmbedContents" {
		t.Errorf("asked %s", sent.URL.Path)
	}
	sameJSON(t, string(got.Body), `{"object":"list","model":"text-embedding-004","data":[
		{"object":"embedding","index":0,"embedding":"AAAAPwAAgL4="},{"object":"embedding","index":1,"embedding":"AACAPwAAAEA="}]}`)
}

func TestEmbeddingsThatCannotBeMadeOrReadAreErrors(t *testing.T) {
	t.Parallel()
	for body, param := range map[string]string{
		`{"input":[1,2]}`:                       "input",
		`{"input":"x","encoding_format":"f16"}`: "encoding_format",
		`{"input":"x","model":"../x"}`:          "model",
	} {
		_, err := open(t, newService(t, "").URL).Call(t.Context(), plugintest.Request(provider.OpEmbeddings, body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	for _, answer := range []string{`{}`, `{"embedding":{}}`, `{"embedding":{"values":[]}}`, `{"embeddings":[{"values":[1]},{"values":[2]}]}`, `{"embedding":{"values":"x"}}`, `x`} {
		_, err := open(t, plugintest.Serve(t, says(200, "application/json", answer))).Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"input":"x"}`))
		plugintest.WantError(t, err, provider.CodeProtocol)
	}
}

func TestTokensOfAConversationAreCounted(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/tokens.json")
	got, err := open(t, s.URL).Call(t.Context(), plugintest.Request(opTokens, `{"model":"gemini-2.5-pro","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-s.Requests
	sameJSON(t, sent.Body, `{"generateContentRequest":{"model":"models/gemini-2.5-pro","systemInstruction":{"parts":[{"text":"Be brief."}]},
		"contents":[{"role":"user","parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":[{"name":"f","description":""}]}]}}`)
	sameJSON(t, string(got.Body), `{"input_tokens":31,"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}`)
	if got.Model != "gemini-2.5-pro" {
		t.Errorf("reported %+v", got.Meta)
	}
}

func TestTokensOfARawRequestAreCounted(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/tokens.json")
	const body = `{"contents": [{"parts": [{"text":"hi"}]}]}`
	if _, err := open(t, s.URL).Call(t.Context(), plugintest.Request(opTokens, body)); err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Body != body || sent.URL.Path != "/v1beta/models/gemini-2.5-flash:countTokens" {
		t.Errorf("sent %s to %s", sent.Body, sent.URL.Path)
	}
	_, err := open(t, plugintest.Serve(t, says(200, "application/json", `{"tokens":1}`))).Call(t.Context(), plugintest.Request(opTokens, body))
	plugintest.WantError(t, err, provider.CodeProtocol)
}

func TestAllPagesOfTheModelsAreRead(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"":   `{"models":[{"name":"models/gemini-2.5-flash","displayName":"Gemini 2.5 Flash","inputTokenLimit":1048576,"supportedGenerationMethods":["generateContent"]}],"nextPageToken":"p2"}`,
		"p2": `{"models":[{"name":"tunedModels/mine"}],"nextPageToken":"p3"}`,
		"p3": `{}`,
	}
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1beta/models" || r.URL.Query().Get("pageSize") != "1000" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		says(200, "application/json", pages[r.URL.Query().Get("pageToken")])(w, r)
	}))
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpModels, ""))
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, string(got.Body), `{"object":"list","data":[
		{"id":"gemini-2.5-flash","object":"model","created":0,"owned_by":"google","displayName":"Gemini 2.5 Flash","inputTokenLimit":1048576,"supportedGenerationMethods":["generateContent"]},
		{"id":"tunedModels/mine","object":"model","created":0,"owned_by":"google"}]}`)
}

func TestAListOfModelsWithoutAnEndIsAnError(t *testing.T) {
	t.Parallel()
	asked := 0
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		says(200, "application/json", fmt.Sprintf(`{"nextPageToken":"p%d"}`, asked))(w, r)
	}))
	_, err := conn.Call(t.Context(), plugintest.Request(provider.OpModels, ""))
	plugintest.WantError(t, err, provider.CodeProtocol)
	if asked != maxPages {
		t.Errorf("asked %d times", asked)
	}
}

func TestTheEndpointIsTestedByItsModels(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	if err := open(t, s.URL).TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Fatal(err)
	}
	if got := <-s.Requests; got.Method+" "+got.URL.Path+"?"+got.URL.RawQuery != "GET /v1beta/models?pageSize=1" {
		t.Errorf("got %+v", got)
	}
	err := open(t, plugintest.Serve(t, says(400, "application/json", `{"error":{"status":"INVALID_ARGUMENT","message":"x","details":[{"reason":"API_KEY_INVALID"}]}}`))).TestEndpoint(t.Context(), plugintest.Request("", ""))
	plugintest.WantError(t, err, provider.CodeAuth)
}

func TestUndeclaredOperationsAreUnsupported(t *testing.T) {
	t.Parallel()
	conn := open(t, newService(t, "").URL)
	for _, op := range []string{provider.OpCompletions, provider.OpRerank, provider.OpImagesGenerate} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, "{}"))
		plugintest.WantError(t, err, provider.CodeUnsupported)
	}
	for _, op := range []string{opTokens, provider.OpEmbeddings} {
		_, err := plugintest.Stream(t, conn, plugintest.Request(op, "{}"))
		plugintest.WantError(t, err, provider.CodeUnsupported)
	}
}

func TestSettingsHaveTheirEffect(t *testing.T) {
	t.Parallel()
	var path string
	url := plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path + " " + r.Header.Get("X-Team")
		says(200, "application/json", `{"models":[]}`)(w, r)
	})
	conn := plugintest.Open(t, New(), plugintest.Settings{
		"base_url": url + "/proxy", "api_version": "v1alpha", "headers": map[string]string{"X-Team": "a"},
	}, testKey)
	if _, err := conn.Call(t.Context(), plugintest.Request(provider.OpModels, "")); err != nil || path != "/proxy/v1alpha/models a" {
		t.Errorf("asked %s, %v", path, err)
	}
	for settings, at := range map[string]string{
		`{"base_url":"https://generativelanguage.googleapis.com/v1beta"}`:   "base_url",
		`{"base_url":"https://generativelanguage.googleapis.com/v1beta/"}`:  "base_url",
		`{"base_url":"generativelanguage.googleapis.com"}`:                  "base_url",
		`{"base_url":"https://x.example","headers":{"x-goog-api-key":"k"}}`: `headers["x-goog-api-key"]`,
	} {
		_, err := New().Open(t.Context(), provider.EndpointConfig{Settings: provider.NewSettings(json.RawMessage(settings))})
		var mistakes *provider.ConfigError
		if !errors.As(err, &mistakes) || len(mistakes.Diagnostics) != 1 || mistakes.Diagnostics[0].Path != at {
			t.Errorf("%s: got %v", settings, err)
		}
	}
}

func TestTheManifestNamesKeysAndModels(t *testing.T) {
	t.Parallel()
	m := New().Describe()
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(m.Credential, provider.Credential{Env: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}, Required: true}) {
		t.Errorf("got %+v", m.Credential)
	}
	if m.DefaultModel(provider.OpChat) != defaultModel || m.DefaultModel(provider.OpEmbeddings) != defaultEmbeddingModel {
		t.Error("the default models are not named")
	}
}
