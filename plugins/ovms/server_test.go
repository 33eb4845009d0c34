package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestQuestionsAboutModelsAndTheServer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	kserve := open(t, f.URL+"/v3/") // what clients of one of the APIs write
	tfs := plugintest.Open(t, New(), plugintest.Settings{"base_url": f.URL, "api": "tfs", "version": "latest"}, "")
	config := strings.TrimSpace(string(plugintest.Testdata(t, "config.json")))
	for _, tt := range []struct {
		conn            *client.Conn
		op, body        string
		line, wantInAns string
	}{
		{kserve, opServerLive, ``, "GET /v2/health/live", `{"live":true}`},
		{kserve, opServerReady, `{}`, "GET /v2/health/ready", `{"ready":true}`},
		{kserve, opServerMetadata, ``, "GET /v2", `"version":"2022.2.0.fd742507"`},
		{kserve, opServerMetrics, ``, "GET /metrics", "ovms_requests_success 7"},
		{kserve, opModelReady, `{"model":"resnet"}`, "GET /v2/models/resnet/ready", `{"ready":true}`},
		{kserve, opModelReady, `{"model":"resnet","version":2}`, "GET /v2/models/resnet/versions/2/ready", `{"ready":true}`},
		{kserve, opModelMetadata, `{"model":"resnet","version":"2"}`, "GET /v2/models/resnet/versions/2", `"shape":[1,224,224,3]`},
		{kserve, opModelStatus, `{"model":"resnet"}`, "GET /v1/config", `{"model_version_status":[{"version":"1","state":"AVAILABLE"`},
		{kserve, opModelStatus, `{"model":"dummy","version":2}`, "GET /v1/config", `{"model_version_status":[{"version":"2"`},
		{kserve, opConfigStatus, ``, "GET /v1/config", config},
		{kserve, opConfigReload, ``, "POST /v1/config/reload", `"reloaded":true`},
		{kserve, provider.OpModels, `{}`, "GET /v3/models", `"id":"kit-model"`},
		{tfs, opModelMetadata, `{"model":"resnet"}`, "GET /v1/models/resnet/metadata", `"signature_def"`},
		{tfs, opModelStatus, `{"model":"resnet","version":"2"}`, "GET /v1/models/resnet/versions/2", `"AVAILABLE"`},
		{tfs, provider.OpModels, `{}`, "GET /v1/config", `"data":[{"id":"dummy","object":"model","created":0,"owned_by":"ovms"},{"id":"resnet"`},
	} {
		got, err := tt.conn.Call(t.Context(), plugintest.Request(tt.op, tt.body))
		if err != nil || !strings.Contains(string(got.Body), tt.wantInAns) {
			t.Errorf("%s: got %v, %v", tt.op, got, err)
		}
		if sent := <-f.Requests; sent.Line() != tt.line || sent.Body != "" {
			t.Errorf("%s: sent %s %s", tt.op, sent.Line(), sent.Body)
		}
	}
	_, err := tfs.Call(t.Context(), plugintest.Request(opInfer, `{"model":"m","data":1}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	_, err = plugintest.Transfer(t, tfs, plugintest.Request(opInferBinary, `{"model":"m"}`), []byte("1"), "")
	plugintest.WantError(t, err, provider.CodeUnsupported)
	_, err = kserve.Call(t.Context(), plugintest.Request(opModelStatus, `{"model":"dummy","version":"7"}`))
	plugintest.WantError(t, err, provider.CodeNotFound)
}

func TestNotReadyIsAnAnswer(t *testing.T) {
	t.Parallel()
	for body, tt := range map[string]struct {
		status int
		ready  bool
	}{
		`{"error":"Server is not ready"}`:                                {http.StatusServiceUnavailable, true},
		`{"error":"Model with requested version is not loaded yet - m"}`: {http.StatusNotFound, true},
		`{"error":"Model with requested name is not found"}`:             {http.StatusNotFound, false},
		`no server behind the proxy`:                                     {http.StatusServiceUnavailable, false},
	} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, tt.status, "application/json", body)
		}))
		got, err := conn.Call(t.Context(), plugintest.Request(opModelReady, `{"model":"m"}`))
		if tt.ready {
			if err != nil || !strings.HasPrefix(string(got.Body), `{"ready":false,"reason":"`) || got.Status != tt.status {
				t.Errorf("%s: got %v, %v", body, got, err)
			}
		} else if err == nil {
			t.Errorf("%s: got %s", body, got.Body)
		}
		if conn.TestEndpoint(t.Context(), plugintest.Request("", "")) == nil {
			t.Errorf("%s: the test of the endpoint succeeded", body)
		}
	}
}

func TestNamesAreEscaped(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	if _, err := open(t, f.URL).Call(t.Context(), plugintest.Request(opInfer, `{"model":"a/b","data":1}`)); err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /v2/models/a%2Fb/infer" {
		t.Errorf("sent %s", sent.Line())
	}
}

func TestTheVersionOfTheEndpointAndTheCallersKey(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": f.URL, "version": "2", "input_name": "0", "datatype": "INT8"}, "")
	req := plugintest.Request(opInfer, `{"model":"resnet","data":[1]}`)
	req.Credential = provider.NewSecret("callers")
	if _, err := conn.Call(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	sent := <-f.Requests
	if sent.Line() != "POST /v2/models/resnet/versions/2/infer" || sent.Header.Get("Authorization") != "Bearer callers" ||
		!strings.Contains(sent.Body, `"datatype":"INT8","name":"0"`) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	if _, err := conn.Call(t.Context(), plugintest.Request(opInfer, `{"model":"resnet","version":"latest","data":[1]}`)); err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /v2/models/resnet/infer" || sent.Header.Get("Authorization") != "" {
		t.Errorf("sent %s", sent.Line())
	}
}

func TestMistakesInSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"version": "one", "api": "grpc", "datatype": "float", "base_url": "localhost"} {
		_, diags := plugintest.TryOpen(t, New(), plugintest.Settings{name: value}, "")
		if len(diags) != 1 || diags[0].Path != name {
			t.Errorf("%s: got %+v", name, diags)
		}
	}
}

func TestGenerativeOperationsLieBelowV3(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for op, want := range map[string]struct{ line, body string }{
		provider.OpChat:           {"POST /v3/chat/completions", hi},
		provider.OpCompletions:    {"POST /v3/completions", `{"model":"m","prompt":"p","max_tokens":5}`},
		provider.OpEmbeddings:     {"POST /v3/embeddings", `{"model":"m","input":["a","b"],"encoding_format":"base64"}`},
		provider.OpRerank:         {"POST /v3/rerank", `{"model":"m","query":"q","documents":["a","b"],"top_n":1}`},
		provider.OpResponses:      {"POST /v3/responses", `{"model":"m","input":"i"}`},
		provider.OpImagesGenerate: {"POST /v3/images/generations", `{"model":"m","prompt":"p"}`},
		"tokenize":                {"POST /v3/tokenize", `{"model":"m","text":"t"}`},
	} {
		if _, err := conn.Call(t.Context(), plugintest.Request(op, want.body)); err != nil {
			t.Errorf("%s: %v", op, err)
			continue
		}
		if sent := <-f.Requests; sent.Line() != want.line || sent.Body != want.body || sent.Header.Get("Authorization") != "Bearer key" {
			t.Errorf("%s: sent %s %s", op, sent.Line(), sent.Body)
		}
	}
	got, err := plugintest.Transfer(t, conn, plugintest.Request(provider.OpAudioSpeech, `{"model":"m","input":"hi"}`), nil, "")
	if err != nil || len(got.Body) == 0 || (<-f.Requests).Line() != "POST /v3/audio/speech" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestChatStreamsWithUsage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := plugintest.Stream(t, open(t, f.URL), plugintest.Request(provider.OpChat, hi))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /v3/chat/completions" || !strings.Contains(sent.Body, `"include_usage":true`) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	if got.Finish.Reason != "stop" || got.Finish.Usage == nil || got.Finish.Usage.Total != 5 || len(got.Chunks) == 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAnErrorInTheStreamIsAText(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, plugintest.FirstChunk+"data: {\"error\":\"Mediapipe execution failed. MP status - CANCELLED\"}\n\n")
	}))
	_, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, hi))
	if e := plugintest.WantError(t, err, provider.CodeUpstream); !strings.HasPrefix(e.Message, "Mediapipe execution failed") {
		t.Errorf("got %v", e)
	}
}
