package admin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/backplane-dev/backplane/host/internal/admin"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(admin.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryRouteIsDocumentedAndEveryDocumentedOneServed(t *testing.T) {
	t.Parallel()
	var documented []string
	for path, item := range loadDocument(t).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	served := admin.Routes()
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented:\n%s\nserved:\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
}

// TestAnswersFitTheDocument sends a request to every documented operation and
// holds request and answer, of success and of failure, against the document.
// The document's objects are closed, so that a field which is added to a type
// must be added there.
func TestAnswersFitTheDocument(t *testing.T) {
	t.Parallel()
	doc := loadDocument(t)
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{
		"createEndpoint": `{"id":"new","provider":"echo","model":"m","api_key":"k","settings":{"a":1},"timeout":"5s","queue":{"size":3,"max_bytes":"1MiB"}}`,
		"updateEndpoint": `{"timeout":"5s","retry":{"max":0},"breaker":{"enabled":false},"stats":{"recent":false}}`,
	}
	bodies["setCircuit"] = `{"state":"open","for":"10m","reason":"maintenance"}`
	bodies["planReload"] = `{"file":"/etc/backplane.hcl"}`
	failure := &provider.ConfigError{Diagnostics: []schema.Diagnostic{{Path: "a", Summary: "s", Detail: "d"}}}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for _, core := range []*fakeCore{{}, {fail: failure}} {
				url := admin.Root + strings.NewReplacer("{id}", "fast", "{name}", "echo").Replace(path)
				req := httptest.NewRequest(method, url, strings.NewReader(bodies[operation.OperationID]))
				req.Header.Set("Content-Type", "application/json")
				checkExchange(t, router, admin.New(core, admin.Options{}), req)
			}
		}
	}
}

func checkExchange(t *testing.T, router interface {
	FindRoute(*http.Request) (*routers.Route, map[string]string, error)
}, h http.Handler, req *http.Request) {
	t.Helper()
	name := req.Method + " " + req.URL.Path
	found, params, err := router.FindRoute(req)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: found}
	if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
		t.Errorf("%s: request: %v", name, err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: w.Code, Header: w.Header()}
	answer.SetBodyBytes(w.Body.Bytes())
	answer.Options = &openapi3filter.Options{IncludeResponseStatus: true}
	if err := openapi3filter.ValidateResponse(t.Context(), answer); err != nil {
		t.Errorf("%s: answer %d: %v", name, w.Code, err)
	}
}

func TestTheDocumentIsServedAsItIs(t *testing.T) {
	t.Parallel()
	w := do(admin.New(&fakeCore{}, admin.Options{}), "GET", "/admin/v1/openapi.json", "")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), admin.OpenAPI()) || !json.Valid(w.Body.Bytes()) {
		t.Errorf("got %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestTheDocumentKnowsAllCodes(t *testing.T) {
	t.Parallel()
	var documented []string
	for _, code := range loadDocument(t).Components.Schemas["Code"].Value.Enum {
		documented = append(documented, code.(string))
	}
	for _, code := range provider.Codes() {
		if !slices.Contains(documented, string(code)) {
			t.Errorf("code %q is not documented", code)
		}
	}
	if len(documented) != len(provider.Codes()) {
		t.Errorf("%d codes are documented, there are %d", len(documented), len(provider.Codes()))
	}
}
