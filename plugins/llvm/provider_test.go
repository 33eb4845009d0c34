package main

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/plugins/llvm/internal/reference"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

func profile() providertest.Profile {
	say := func(s string) string { return s[:min(len(s), 200)] }
	echo := []reference.Model{
		{ID: "kit-model", Status: "loaded", Run: say},
		{ID: "kit-model-of-the-envelope", Status: "loaded", Run: say},
	}
	types := map[int]string{401: "unauthorized", 403: "forbidden", 404: "model_not_found", 413: "request_too_large", 429: "rate_limited"}
	return providertest.Profile{
		Service: &providertest.Service{
			Handler: reference.New("", echo), Translated: true,
			Error: func(status int, message string) (string, string) {
				kind := types[status]
				switch {
				case kind != "":
				case status >= 500:
					kind = "inference_failed"
				default:
					kind = "invalid_request"
				}
				return "application/json", `{"error":{"type":"` + kind + `","message":"` + message + `"}}`
			},
		},
		Samples: []providertest.Sample{
			{Operation: opInfer, Mode: provider.ModeCall, Body: `{"inputs":"{{prompt}}"}`, Want: []string{`"outputs":"{{prompt}}"`}},
			{Operation: opInferBatch, Mode: provider.ModeCall, Body: `{"inputs":["{{prompt}}","b"]}`, Want: []string{`"outputs":"{{prompt}}"`}},
			{Operation: opModelInfo, Mode: provider.ModeCall, Body: `{"model":"{{model}}"}`, Want: []string{"loaded"}},
		},
	}
}

func TestTheReadmeSaysWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	for kind, code := range classes {
		if !strings.Contains(readme, "| `"+kind+"` |") || !strings.Contains(readme, "| `"+string(code)+"` |") {
			t.Errorf("README.md has no row for %s, %s", kind, code)
		}
	}
	for _, name := range append(append([]string{}, refused...), dropped...) {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("README.md does not name the field %s", name)
		}
	}
}

func TestModelsAreListedAndDescribed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := open(t, s.URL+"/")
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpModels, `{}`))
	want := `"data":[{"id":"echo","object":"model","created":0,"owned_by":"llvm"},{"id":"acme/upper",`
	if err != nil || !strings.Contains(string(got.Body), want) {
		t.Errorf("got %v, %v", got, err)
	}
	sent := <-s.Requests
	if sent.Line() != "GET /models" || sent.Header.Get("Authorization") != "Bearer "+testKey || sent.Body != "" {
		t.Errorf("sent %s %v", sent.Line(), sent.Header)
	}
	for model, want := range map[string]string{
		"acme/upper": `{"model_id":"acme/upper","status":"loaded"}`,
		"slow":       `{"details":{"progress":0.5},"model_id":"slow","status":"loading"}`,
		"broken":     `"status":"failed"`,
	} {
		got, err := conn.Call(t.Context(), plugintest.Request(opModelInfo, `{"model":"`+model+`"}`))
		if err != nil || !strings.Contains(string(got.Body), want) {
			t.Errorf("%s: got %v, %v", model, got, err)
		}
		if sent := <-s.Requests; sent.Line() != "GET /models/"+strings.Replace(model, "/", "%2F", 1) {
			t.Errorf("%s: sent %s", model, sent.Line())
		}
	}
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Error(err)
	}
}

func TestInferenceGoesAsItIs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := open(t, s.URL)
	got, err := conn.Call(t.Context(), plugintest.Request(opInfer,
		`{"model":"acme/upper","inputs":"one two three","max_tokens":2,"temperature":0.5,"top_k":3,"top_p":0.50,"params":{"seed":7,"stop":["x"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-s.Requests
	want := `{"inputs":"one two three","max_tokens":2,"params":{"seed":7,"stop":["x"]},"temperature":0.5,"top_k":3,"top_p":0.50}`
	if sent.Line() != "POST /models/acme%2Fupper/inference" || sent.Body != want {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	if !strings.Contains(string(got.Body), `"outputs":"ONE TWO "`) || got.FinishReason != "length" || got.Model != "acme/upper" ||
		*got.Usage != (provider.Usage{Input: 3, Output: 2, Total: 5}) {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
	got, err = conn.Call(t.Context(), plugintest.Request(opInfer, `{"model":"echo","inputs":{"n":12345678901234567890},"stream":false}`))
	if err != nil || !strings.Contains(string(got.Body), `"outputs":{"n":12345678901234567890}`) || got.Usage != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestMistakesInInferencesAreNamed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := open(t, s.URL)
	for body, param := range map[string]string{
		`[]`:                              "",
		`null`:                            "",
		`{"inputs":"a"}`:                  "model",
		`{"model":".","inputs":"a"}`:      "model",
		`{"model":"echo"}`:                "inputs",
		`{"model":"echo","inputs":7}`:     "inputs",
		`{"model":"echo","inputs":["a"]}`: "inputs",
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(opInfer, body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param || e.Source != provider.SourceCaller {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	_, err := conn.Call(t.Context(), plugintest.Request(opInfer, `{"model":"echo","inputs":"a","stream":true}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	if len(s.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}

func TestTheServersRefusalsAreClassified(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := open(t, s.URL)
	for body, want := range map[string]provider.Error{
		`{"model":"nope","inputs":"a"}`:                        {Code: provider.CodeNotFound, StatusCode: 404},
		`{"model":"slow","inputs":"a"}`:                        {Code: provider.CodeOverloaded, StatusCode: 503, RetryAfter: 2e9},
		`{"model":"broken","inputs":"a"}`:                      {Code: provider.CodeConflict, StatusCode: 409},
		`{"model":"echo","inputs":"a","max_tokens":0}`:         {Code: provider.CodeInvalidRequest, StatusCode: 400, Param: "max_tokens"},
		`{"model":"echo","inputs":"a","temperature":-1}`:       {Code: provider.CodeInvalidRequest, StatusCode: 400, Param: "temperature"},
		`{"model":"echo","inputs":"a","top_k":0}`:              {Code: provider.CodeInvalidRequest, StatusCode: 400, Param: "top_k"},
		`{"model":"echo","inputs":"a","top_p":2}`:              {Code: provider.CodeInvalidRequest, StatusCode: 400, Param: "top_p"},
		`{"model":"echo","inputs":"a","max_tokens":"2"}`:       {Code: provider.CodeInvalidRequest, StatusCode: 400, Param: "max_tokens"},
		`{"model":"echo","inputs":"a","params":{"top_a":0.5}}`: {Code: provider.CodeInvalidRequest, StatusCode: 400, Param: "params.top_a"},
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(opInfer, body))
		e := plugintest.WantError(t, err, want.Code)
		if e.StatusCode != want.StatusCode || e.Param != want.Param || e.RetryAfter != want.RetryAfter || e.Source != provider.SourceUpstream {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	wrong := plugintest.Request(provider.OpModels, "{}")
	wrong.Credential = provider.NewSecret("another")
	_, err := conn.Call(t.Context(), wrong)
	plugintest.WantError(t, err, provider.CodeAuth)
	_, err = open(t, s.URL+"/v7").Call(t.Context(), plugintest.Request(provider.OpModels, "{}"))
	plugintest.WantError(t, err, provider.CodeUnsupported)
}

func TestBrokenAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]provider.Code{
		`<h1>Hello</h1>`:    provider.CodeProtocol,
		`{"outputs":`:       provider.CodeProtocol,
		`{}`:                provider.CodeProtocol,
		`{"outputs":null}`:  provider.CodeProtocol,
		`{"outputs":["a"]}`: provider.CodeProtocol,
		`{"error":{"type":"inference_failed","message":"out of memory"}}`: provider.CodeUpstream,
	} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "application/json", body)
		}))
		for _, op := range []string{opInfer, provider.OpChat, opModelInfo, provider.OpModels} {
			_, err := conn.Call(t.Context(), plugintest.Request(op, `{"model":"m","inputs":"a","messages":[{"role":"user","content":"a"}]}`))
			plugintest.WantError(t, err, code)
		}
	}
	cut := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		plugintest.Write(w, http.StatusOK, "application/json", `{"outputs":"a"}`)
	}))
	_, err := cut.Call(t.Context(), plugintest.Request(opInfer, `{"model":"m","inputs":"a"}`))
	plugintest.WantError(t, err, provider.CodeProtocol)
}

func TestThereAreNoStreams(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, err := plugintest.Stream(t, open(t, s.URL), plugintest.Request(provider.OpChat, `{"model":"echo","messages":[{"role":"user","content":"a"}]}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	if len(s.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}
