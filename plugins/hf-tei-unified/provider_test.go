package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/hf/tei/teitest"
	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func profile() providertest.Profile {
	p := teitest.Profile()
	p.Samples = append(p.Samples, providertest.Sample{Operation: "model.info", Mode: provider.ModeCall, Body: `{}`, Want: []string{`"dimensions":1`}})
	return p
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

func TestTheServersOwnDescriptionTakesTheRequests(t *testing.T) {
	t.Parallel()
	spec := plugintest.LoadSpec("hf_tei/openapi.json")
	s := plugintest.NewService(t, profile().Service.Handler.ServeHTTP, func(r *http.Request, body []byte) { spec.CheckRequest(t, r, body) })
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL}, "")
	for op, body := range map[string]string{
		provider.OpEmbeddings: `{"input":["a"],"normalize":false,"truncate":true}`, provider.OpRerank: `{"query":"q","documents":["a","b"]}`,
		"embed": `{"inputs":["a"]}`, "predict": `{"inputs":"a"}`, "model.info": `{}`, "info": `{}`, provider.OpModels: `{}`, "health": `{}`,
	} {
		if _, err := conn.Call(t.Context(), plugintest.Request(op, body)); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func TestTheModelIsDescribedWithItsDimensions(t *testing.T) {
	t.Parallel()
	kind := "embedding"
	s := plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/info":
			plugintest.Write(w, http.StatusOK, "application/json", teitest.Info)
		case kind == "embedding":
			plugintest.Write(w, http.StatusOK, "application/json", `[[0.1,0.2,0.3]]`)
		default:
			plugintest.Write(w, http.StatusFailedDependency, "application/json", `{"error":"model is not an embedding model","error_type":"Backend"}`)
		}
	}, nil)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL}, "")
	var about struct {
		ModelID    string `json:"model_id"`
		Dimensions int    `json:"dimensions"`
		MaxInput   int    `json:"max_input_length"`
	}
	got := call(t, conn, "model.info", `{}`)
	if err := json.Unmarshal(got.Body, &about); err != nil || about.ModelID != "BAAI/bge-small" || about.Dimensions != 3 || about.MaxInput != 512 {
		t.Errorf("got %s, %v", got.Body, err)
	}
	kind = "classifier"
	if got := call(t, conn, "model.info", `{}`); strings.Contains(string(got.Body), "dimensions") {
		t.Errorf("got %s", got.Body)
	}
}

func call(t *testing.T, conn *client.Conn, operation, body string) *provider.Response {
	t.Helper()
	resp, err := conn.Call(t.Context(), plugintest.Request(operation, body))
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	return resp
}

func TestHostedModelsAreReachedByTheirPath(t *testing.T) {
	t.Parallel()
	s := plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Inputs json.RawMessage }
		var list []string
		_ = json.NewDecoder(r.Body).Decode(&in) // the test looks at the body
		if json.Unmarshal(in.Inputs, &list) != nil {
			plugintest.Write(w, http.StatusOK, "application/json", `[0.9]`)
			return
		}
		vectors := make([]string, len(list))
		for i := range list {
			vectors[i] = fmt.Sprintf("[%d,0.5]", i)
		}
		plugintest.Write(w, http.StatusOK, "application/json", "["+strings.Join(vectors, ",")+"]")
	}, nil)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL + "/models", "hosted": true}, "hf_Abc123Abc123Abc123")
	const features, similar = "POST /models/owner/model/pipeline/feature-extraction", "POST /models/owner/model/pipeline/sentence-similarity"
	for _, tt := range []struct{ op, body, line, sent, want string }{
		{provider.OpEmbeddings, `{"model":"owner/model","input":"a","normalize":true}`, features, `{"inputs":["a"],"normalize":true}`, `"embedding":[0,0.5]`},
		{provider.OpEmbeddings, `{"model":"owner/model","input":["a","b"],"truncate":true}`, features, `{"inputs":["a","b"],"truncate":true}`, `"index":1,"embedding":[1,0.5]`},
		{"embed", `{"model":"owner/model","inputs":["a"]}`, features, `{"inputs":["a"]}`, `[[0,0.5]]`},
		{"similarity", `{"model":"owner/model","inputs":{"source_sentence":"a","sentences":["b"]}}`, similar, `{"inputs":{"source_sentence":"a","sentences":["b"]}}`, `[0.9]`},
		{"model.info", `{"model":"owner/model"}`, features, `{"inputs":["a"]}`, `{"dimensions":2,"model_id":"owner/model"}`},
	} {
		got := call(t, conn, tt.op, tt.body)
		sent := <-s.Requests
		if sent.Line() != tt.line || sent.Body != tt.sent || sent.Header.Get("Authorization") != "Bearer hf_Abc123Abc123Abc123" || !strings.Contains(string(got.Body), tt.want) {
			t.Errorf("%s: sent %s %s, got %s", tt.op, sent.Line(), sent.Body, got.Body)
		}
	}
	for op, body := range map[string]string{
		provider.OpRerank: `{"query":"q","documents":["a"]}`, provider.OpModels: `{}`, "info": `{}`, "predict": `{"inputs":"a"}`, "tokenize": `{"inputs":"a"}`, "health": `{}`,
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, body))
		if e := plugintest.WantError(t, err, provider.CodeUnsupported); !strings.Contains(e.Message, "hosted") {
			t.Errorf("%s: got %v", op, e)
		}
	}
	for field, body := range map[string]string{
		"model": `{"input":"a"}`, "input": `{"model":"owner/model","input":[1,2]}`, "dimensions": `{"model":"owner/model","input":"a","dimensions":2}`,
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings, body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != field {
			t.Errorf("%s: got %+v", field, e)
		}
	}
	err := conn.TestEndpoint(t.Context(), plugintest.Request("", ""))
	plugintest.WantError(t, err, provider.CodeUnsupported)
}

func TestAVectorForEachTokenIsNoEmbedding(t *testing.T) {
	t.Parallel()
	url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, "application/json", `[[[0.1],[0.2]]]`)
	})
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": url, "hosted": true}, "")
	_, err := conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"model":"owner/model","input":"a"}`))
	plugintest.WantError(t, err, provider.CodeProtocol)
}

func TestChatAndStreamsAreUnsupported(t *testing.T) {
	t.Parallel()
	conn := plugintest.Open(t, New(), nil, "")
	_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"messages":[]}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	_, err = plugintest.Stream(t, conn, plugintest.Request(provider.OpEmbeddings, `{"input":"a"}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
}

func TestAServerIsStartedForTheFirstCall(t *testing.T) {
	t.Parallel()
	conn := plugintest.Open(t, New(), plugintest.Settings{
		"base_url": "http://127.0.0.1:" + managedtest.FreePort(t),
		"server": plugintest.Settings{
			"mode": "process", "model": "org/m", "runtime_dir": managedtest.Dir(t), "health_interval": "50ms",
			"process": plugintest.Settings{"command": managedtest.Command(t, "--load", "200ms")},
		},
	}, "")
	if got := call(t, conn, provider.OpEmbeddings, `{"input":"a"}`); !strings.Contains(string(got.Body), `"embedding":[0.5,-0.5]`) {
		t.Errorf("got %s", got.Body)
	}
}

func TestAContainerIsStartedAsTheServerDocuments(t *testing.T) {
	t.Parallel()
	d := managedtest.NewDocker(t, family.Image)
	conn := plugintest.Open(t, New(), plugintest.Settings{
		"base_url": "http://127.0.0.1:" + managedtest.FreePort(t),
		"server": plugintest.Settings{
			"mode": "container", "model": "org/m", "runtime_dir": managedtest.Dir(t), "health_interval": "50ms",
			"container": plugintest.Settings{"docker_host": d.Host},
		},
	}, "")
	var st managed.Status
	if err := json.Unmarshal(call(t, conn, managed.OpStart, `{"wait":true}`).Body, &st); err != nil || st.State != managed.Ready {
		t.Fatalf("got %+v, %v", st, err)
	}
	if got := strings.Join(d.All()[0].Config.Cmd, " "); got != "--model-id org/m --hostname 0.0.0.0 --port 80" {
		t.Errorf("got the arguments %s", got)
	}
	call(t, conn, managed.OpStop, `{}`)
	if len(d.All()) != 0 {
		t.Error("the container is still there")
	}
}
