package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

// fake stands in for the server: a fake written from the Open Inference
// Protocol's description, against which it holds requests and its own answers,
// and from the answers in the server's documents.
type fake struct {
	*plugintest.Service
	kserve, openai *plugintest.Spec
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{kserve: plugintest.LoadSpec("kserve/open_inference_rest.fixed.json"), openai: plugintest.LoadSpec("openai/openapi.subset.json")}
	f.Service = plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) { f.answer(t, w, r) },
		func(r *http.Request, body []byte) { f.check(t, r, body) })
	return f
}

// check holds a request against the descriptions that have it.
func (f *fake) check(t testing.TB, r *http.Request, body []byte) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/v2/") && r.Header.Get(headerLength) == "":
		f.kserve.CheckRequest(t, r, body)
	case path == "/v3/chat/completions", path == "/v3/completions", path == "/v3/embeddings", path == "/v3/models", path == "/v3/responses":
		clone := r.Clone(r.Context())
		clone.URL.Path = strings.TrimPrefix(path, "/v3")
		f.openai.CheckRequest(t, clone, body)
	}
}

// answers are files, or texts, by the ends of requests.
var answers = map[string]string{
	"GET /v2":                        "server.json",
	"GET /v2/models/resnet":          "metadata.json",
	"GET /v1/config":                 "config.json",
	"POST /v1/config/reload":         "config.json",
	"POST /v3/rerank":                "rerank.json",
	"POST /v2/models/resnet/infer":   "infer.json",
	"POST /v2/models/a%2Fb/infer":    "infer.json",
	"GET /v2/health/live":            "",
	"GET /v2/health/ready":           "",
	"GET /v2/models/resnet/ready":    "",
	"GET /v1/models/resnet":          `{"model_version_status":[{"version":"1","state":"AVAILABLE"}]}`,
	"GET /v1/models/resnet/metadata": `{"modelSpec":{"name":"resnet"},"metadata":{"signature_def":{}}}`,
	"POST /v1/models/resnet:predict": `{"predictions":[[0.25,0.75]]}`,
}

func (f *fake) answer(t testing.TB, w http.ResponseWriter, r *http.Request) {
	line := r.Method + " " + strings.Replace(r.URL.EscapedPath(), "/versions/2", "", 1)
	file, ok := answers[line]
	body := []byte(file)
	if strings.HasSuffix(file, ".json") {
		body = plugintest.Testdata(t, file)
	}
	switch {
	case r.Header.Get(headerLength) != "":
		f.binary(w, r)
	case line == "GET /metrics":
		plugintest.Write(w, http.StatusOK, "text/plain", "ovms_requests_success 7\n")
	case strings.HasPrefix(r.URL.Path, "/v3") && !ok:
		healthy(w, r)
	case !ok:
		plugintest.Write(w, http.StatusNotFound, "application/json", `{"error":"Model with requested name is not found - `+r.URL.Path+`"}`)
	default:
		if strings.HasPrefix(line, "POST /v2") || line == "GET /v2/models/resnet" {
			f.kserve.CheckAnswer(t, r, "application/json", body)
		}
		status := http.StatusOK
		if strings.HasSuffix(line, "reload") {
			status = http.StatusCreated
		}
		plugintest.Write(w, status, "application/json", string(body))
	}
}

// binary answers with the bytes that it got behind the JSON.
func (f *fake) binary(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	head := `{"model_name":"resnet","outputs":[{"name":"1463","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}`
	w.Header().Set(headerLength, "114")
	plugintest.Write(w, http.StatusOK, "application/octet-stream", head+string(body[strings.LastIndexByte(string(body), '}')+1:]))
}

// openAI is the kit's service, of which the server has the same operations.
var openAI = providertest.OpenAI()

func healthy(w http.ResponseWriter, r *http.Request) {
	clone := r.Clone(r.Context())
	clone.URL.Path = strings.Replace(r.URL.Path, "/v3", "/v1", 1)
	openAI.Handler.ServeHTTP(w, clone)
}

func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url}, "key")
}
