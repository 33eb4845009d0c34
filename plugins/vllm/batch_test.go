package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// A list of prompts is one request with one count of tokens, answered with a
// choice for each prompt, in a stream too. How many succeeded is how many
// choices there are: vLLM answers all or none.
func TestABatchIsOneRequestWithItsCounts(t *testing.T) {
	t.Parallel()
	const choices = `{"index":0,"text":"x","finish_reason":"stop"},{"index":1,"text":"y","finish_reason":"length"},{"index":2,"text":"z","finish_reason":"stop"}`
	const usage = `"usage":{"prompt_tokens":6,"completion_tokens":3,"total_tokens":9}`
	s := plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/event-stream" {
			plugintest.Write(w, http.StatusOK, "application/json", `{"id":"c","object":"text_completion","model":"m","choices":[`+choices+`],`+usage+`}`)
			return
		}
		chunk := func(rest string) string {
			return `data: {"id":"c","object":"text_completion","model":"m",` + rest + "}\n\n"
		}
		plugintest.WriteParts(w, "text/event-stream", chunk(`"choices":[`+choices+`]`), chunk(`"choices":[],`+usage), "data: [DONE]\n\n")
	}, nil)
	conn := open(t, s.URL)
	want := provider.Usage{Input: 6, Output: 3, Total: 9}
	for _, prompts := range []string{`["a","b","c"]`, `[[1,2],[3],[4]]`} {
		body := `{"model":"m","prompt":` + prompts + `,"n":1}`
		got, err := conn.Call(t.Context(), plugintest.Request(provider.OpCompletions, body))
		if err != nil || *got.Usage != want {
			t.Fatalf("got %+v, %v", got, err)
		}
		var answer struct{ Choices []json.RawMessage }
		if err := json.Unmarshal(got.Body, &answer); err != nil || len(answer.Choices) != 3 {
			t.Errorf("got %s, %v", got.Body, err)
		}
		if sent := <-s.Requests; sent.Body != body || len(s.Requests) > 0 {
			t.Errorf("sent %s and %d more", sent.Body, len(s.Requests))
		}
		all, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpCompletions, body))
		if err != nil || all.Finish.Usage == nil || *all.Finish.Usage != want || len(all.Chunks) != 1 {
			t.Errorf("got %+v, %v", all, err)
		}
		<-s.Requests
	}
}
