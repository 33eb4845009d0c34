package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
)

const testKey = "hf_Abc123Abc123Abc123Abc123Abc123"

// fake is a fake of the server, written from its description, against which it
// holds all requests and its own answers.
type fake struct {
	*plugintest.Service
	spec *plugintest.Spec
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{spec: plugintest.LoadSpec("hf_tgi/openapi.json")}
	f.Service = plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) { f.answer(t, w, r) },
		func(r *http.Request, body []byte) { f.spec.CheckRequest(t, local(r), body) })
	return f
}

// local is the request as a server of one's own sees it, without the path of a
// hosted model.
func local(r *http.Request) *http.Request {
	path, hosted := strings.CutPrefix(r.URL.Path, "/models/owner/model")
	if !hosted {
		return r
	}
	if path == "" {
		path = "/"
	}
	clone := r.Clone(r.Context())
	clone.URL.Path, clone.URL.RawPath = path, ""
	return clone
}

// answers are the files for a method and path.
var answers = map[string]string{
	"POST /v1/chat/completions": "chat.json",
	"POST /v1/completions":      "completion.json",
	"POST /chat_tokenize":       "chat_tokenize.json",
	"POST /tokenize":            "tokenize.json",
	"POST /generate":            "generate.json",
	"GET /info":                 "info.json",
	"GET /v1/models":            "model.json",
}

var streams = map[string]string{
	"POST /v1/chat/completions": "chat.sse",
	"POST /v1/completions":      "completion.sse",
	"POST /generate_stream":     "generate.sse",
	"POST /":                    "generate.sse",
}

func (f *fake) answer(t testing.TB, w http.ResponseWriter, r *http.Request) {
	r = local(r)
	line := r.Method + " " + r.URL.Path
	w.Header().Set("x-prompt-tokens", "7")
	w.Header().Set("x-generated-tokens", "2")
	var asked struct{ Stream bool }
	_ = json.NewDecoder(r.Body).Decode(&asked) // a GET has no body
	switch {
	case line == "GET /health":
		w.WriteHeader(http.StatusOK)
	case line == "GET /metrics":
		plugintest.Write(w, http.StatusOK, "text/plain", "tgi_queue_size 0\n")
	case streams[line] != "" && (asked.Stream || line == "POST /generate_stream"):
		var parts []string
		for part := range strings.SplitAfterSeq(string(plugintest.Testdata(t, streams[line])), "\n\n") {
			parts = append(parts, part)
		}
		plugintest.WriteParts(w, "text/event-stream", parts...)
	case line == "POST /":
		body := append(append([]byte("["), plugintest.Testdata(t, "generate.json")...), ']')
		f.spec.CheckAnswer(t, r, "application/json", body)
		plugintest.Write(w, http.StatusOK, "application/json", string(body))
	case answers[line] != "":
		body := plugintest.Testdata(t, answers[line])
		f.spec.CheckAnswer(t, r, "application/json", body)
		plugintest.Write(w, http.StatusOK, "application/json", string(body))
	default:
		http.NotFound(w, r)
	}
}

func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url + "/v1"}, testKey)
}

func openHosted(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url + "/models", "hosted": true}, testKey)
}

func postTo(t testing.TB, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}
