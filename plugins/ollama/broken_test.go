package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// A pull is done when Ollama says so, not when its lines end.
func TestBrokenPullsAreErrors(t *testing.T) {
	t.Parallel()
	const progress = "{\"status\":\"pulling 6a0746a1ec1a\",\"total\":100,\"completed\":40}\n"
	plugintest.CheckBroken(t, open, "pull", `{"model":"m"}`, map[string]plugintest.Broken{
		"cut after a line":    {ContentType: lines, Parts: []string{"{\"status\":\"pulling manifest\"}\n", progress}, Code: provider.CodeProtocol},
		"cut inside a line":   {ContentType: lines, Parts: []string{progress, progress[:20]}, Code: provider.CodeProtocol},
		"nothing":             {ContentType: lines, Code: provider.CodeProtocol},
		"no JSON":             {ContentType: lines, Parts: []string{progress, "<oops>\n"}, Code: provider.CodeProtocol},
		"a page":              {ContentType: "text/html", Parts: []string{"<h1>Bad gateway</h1>"}, Code: provider.CodeProtocol},
		"an error at the end": {ContentType: lines, Parts: []string{progress, "{\"error\":\"max retries exceeded\"}\n"}, Code: provider.CodeUpstream},
	})
}

func TestCancelEndsAPullAndAGeneration(t *testing.T) {
	t.Parallel()
	for op, first := range map[string]string{"pull": "{\"status\":\"pulling manifest\"}\n", "generate": "{\"model\":\"m\",\"response\":\"a\",\"done\":false}\n"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			plugintest.CheckCancel(t, open, op, `{"model":"m","prompt":"a"}`, lines, first)
		})
	}
}
