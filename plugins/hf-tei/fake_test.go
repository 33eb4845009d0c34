package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/hf/tei/teitest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
)

const testKey = "hf_Abc123Abc123Abc123Abc123Abc123"

// fake is a fake of the server, written from its description, against which it
// holds all requests and its own answers. It takes 40 inputs in one request.
type fake struct {
	*plugintest.Service
	spec *plugintest.Spec
}

const batchOfFake = 40

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{spec: plugintest.LoadSpec("hf_tei/openapi.json")}
	f.Service = plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) { f.answer(t, w, r) },
		func(r *http.Request, body []byte) { f.spec.CheckRequest(t, r, body) })
	return f
}

const infoAnswer = teitest.Info

// body is what the fake looks at in a request.
type body struct {
	Inputs, Input, IDs json.RawMessage
	Texts              []string
}

// list returns the inputs as the server counts them.
func (b body) list() []json.RawMessage {
	for _, raw := range []json.RawMessage{b.Inputs, b.Input, b.IDs} {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil && len(list) > 0 && (list[0][0] == '"' || list[0][0] == '[') {
			return list
		}
	}
	if b.Texts != nil {
		return make([]json.RawMessage, len(b.Texts))
	}
	return make([]json.RawMessage, 1)
}

func (f *fake) answer(t testing.TB, w http.ResponseWriter, r *http.Request) {
	var in body
	_ = json.NewDecoder(r.Body).Decode(&in) // a GET has no body
	n := len(in.list())
	if n > batchOfFake {
		plugintest.Write(w, http.StatusRequestEntityTooLarge, "application/json",
			fmt.Sprintf(`{"error":"batch size %d > maximum allowed batch size 40","error_type":"Validation"}`, n))
		return
	}
	w.Header().Set("x-compute-tokens", fmt.Sprint(3*n))
	switch r.URL.Path {
	case "/health":
		w.WriteHeader(http.StatusOK)
		return
	case "/metrics":
		plugintest.Write(w, http.StatusOK, "text/plain", "te_queue_size 0\n")
		return
	}
	answer := f.json(r.URL.Path, in, n)
	if answer == "" {
		http.NotFound(w, r)
		return
	}
	f.spec.CheckAnswer(t, r, "application/json", []byte(answer))
	plugintest.Write(w, http.StatusOK, "application/json", answer)
}

// json is the answer to n inputs.
func (f *fake) json(path string, in body, n int) string {
	switch path {
	case "/info":
		return infoAnswer
	case "/v1/embeddings":
		return `{"object":"list","model":"BAAI/bge-small","usage":{"prompt_tokens":` + fmt.Sprint(3*n) + `,"total_tokens":` + fmt.Sprint(3*n) + `},"data":` +
			each(n, func(i int) string {
				return fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":[0.5,-0.25]}`, n-1-i)
			}) + `}`
	case "/embed":
		return each(n, func(i int) string { return fmt.Sprintf("[%d,0.25]", i) })
	case "/embed_all":
		return each(n, func(int) string { return "[[0.5],[0.25]]" })
	case "/embed_sparse":
		return each(n, func(int) string { return `[{"index":7,"value":0.5}]` })
	case "/tokenize":
		return each(n, func(int) string { return `[{"id":1,"text":"a","special":false,"start":0,"stop":1}]` })
	case "/decode":
		return each(n, func(int) string { return `"text"` })
	case "/similarity":
		return `[0.5]`
	case "/predict":
		const prediction = `[{"score":0.9,"label":"joy"}]`
		if strings.HasPrefix(string(in.Inputs), "[[") {
			return each(n, func(int) string { return prediction })
		}
		return prediction
	case "/rerank":
		return each(n, func(i int) string { return fmt.Sprintf(`{"index":%d,"score":%s}`, i, in.Texts[i]) })
	}
	return ""
}

func each(n int, element func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = element(i)
	}
	return "[" + strings.Join(all, ",") + "]"
}

func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url + "/v1"}, testKey)
}
