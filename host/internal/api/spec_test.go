package api_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// openAIDocument loads OpenAI's own description of its API, which may lie beside
// the repository.
func openAIDocument(t *testing.T) *openapi3.T {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "specs", "openai", "openapi.subset.json")
	if _, err := os.Stat(path); err != nil {
		t.Skip("OpenAI's description is not here")
	}
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// wantSchema holds a JSON text against a schema of the document.
func wantSchema(t *testing.T, doc *openapi3.T, name, text string) {
	t.Helper()
	ref := doc.Components.Schemas[name]
	if ref == nil {
		t.Fatalf("the document has no schema %s", name)
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := ref.Value.VisitJSON(value); err != nil {
		t.Errorf("%s does not fit %s: %v", text, name, err)
	}
}

func TestWhatTheHostWritesFitsOpenAIsDescription(t *testing.T) {
	t.Parallel()
	doc := openAIDocument(t)
	failure := &provider.Error{Code: provider.CodeOverloaded, Message: "m"}
	core := &fakeCore{
		call: func(context.Context, *provider.Request) (*provider.Response, error) { return nil, failure },
		stream: func(context.Context, *provider.Request) (provider.EventStream, error) {
			return newFakeStream(chunks(`{"type":"response.created"}`)).failing(failure), nil
		},
		models: func() ([]provider.Model, error) { return []provider.Model{{ID: "m"}}, nil },
	}
	h := api.New(core, api.Options{})
	for _, w := range []string{
		post(h, "/v1/chat/completions", hello).Body.String(),
		post(h, "/v1/chat/completions", `{`).Body.String(),
		get(h, "/v1/nothing").Body.String(),
		get(h, "/v1/models/nothing").Body.String(),
		lastData(post(h, "/v1/chat/completions", helloStream).Body.String()),
	} {
		wantSchema(t, doc, "ErrorResponse", w)
	}
	wantSchema(t, doc, "ListModelsResponse", get(h, "/v1/models").Body.String())
	wantSchema(t, doc, "Model", get(h, "/v1/models/m").Body.String())
	wantSchema(t, doc, "ResponseErrorEvent", lastData(post(h, "/v1/responses", helloStream).Body.String()))
}

// lastData returns the data of the last event.
func lastData(events string) string {
	data := events[strings.LastIndex(events, "data: ")+len("data: "):]
	return strings.TrimSpace(data)
}
