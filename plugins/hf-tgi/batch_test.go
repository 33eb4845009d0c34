package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestSeveralPromptsAreOneRequest(t *testing.T) {
	t.Parallel()
	const choice = `{"index":%,"text":" x","logprobs":null,"finish_reason":"stop"}`
	const usage = `"usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}`
	const head = `"object":"text_completion","id":"","created":1,"model":"org/model","system_fingerprint":"3.3.6-native"`
	at := func(index string) string { return strings.Replace(choice, "%", index, 1) }
	answer := `{` + head + `,"choices":[` + at("0") + `,` + at("1") + `],` + usage + `}`
	spec := plugintest.LoadSpec("hf_tgi/openapi.json")
	s := plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "text/event-stream" {
			plugintest.WriteParts(w, "text/event-stream",
				`data: {`+head+`,"choices":[`+at("1")+`]}`+"\n\n", `data: {`+head+`,"choices":[`+at("0")+`],`+usage+`}`+"\n\n", "data: [DONE]\n\n")
			return
		}
		spec.CheckAnswer(t, r, "application/json", []byte(answer))
		plugintest.Write(w, http.StatusOK, "application/json", answer)
	}, func(r *http.Request, body []byte) { spec.CheckRequest(t, r, body) })
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL}, "")
	const body = `{"model":"tgi","prompt":["a","b"],"max_tokens":1}`
	want := provider.Usage{Input: 4, Output: 2, Total: 6}
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpCompletions, body))
	if err != nil || string(got.Body) != answer || *got.Usage != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if sent := <-s.Requests; sent.Body != body {
		t.Errorf("sent %s", sent.Body)
	}
	all, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpCompletions, body))
	if err != nil || len(all.Chunks) != 2 || all.Finish.Usage == nil || *all.Finish.Usage != want {
		t.Errorf("got %+v, %v", all, err)
	}
}
