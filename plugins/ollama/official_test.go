package main

import (
	"net/http"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheOfficialClientTakesTheFakesAnswers(t *testing.T) {
	t.Parallel()
	spec := plugintest.LoadSpec("ollama/openapi.yaml")
	fake := plugintest.NewService(t, fakeOllama, func(r *http.Request, body []byte) {
		// The client still names models as older servers did, which the
		// description no longer knows.
		if r.URL.Path != "/api/pull" && r.URL.Path != "/api/delete" {
			spec.CheckRequest(t, r, body)
		}
	})
	plugintest.OfficialClient(t, "ollama", "everything", fake.URL)
	plugintest.OfficialClient(t, "ollama", "errors", plugintest.ServeErrors(t))
	failed := "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"one \"},\"done\":false}\n" + profile().Service.StreamError
	plugintest.OfficialClient(t, "ollama", "midway", plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.WriteParts(w, lines, failed)
	}))
}
