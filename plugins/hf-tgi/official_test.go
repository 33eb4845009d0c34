package main

import (
	"net/http"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheOfficialClientTakesTheFakesAnswers(t *testing.T) {
	t.Parallel()
	f := &fake{spec: plugintest.LoadSpec("hf_tgi/openapi.json")}
	f.Service = plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) { f.answer(t, w, r) }, func(r *http.Request, body []byte) {
		// The description wants a list as the prompt; the server takes the text
		// that the client sends.
		if r.URL.Path != "/v1/completions" {
			f.spec.CheckRequest(t, r, body)
		}
	})
	plugintest.OfficialClient(t, "huggingface", "generation", f.URL)
}
