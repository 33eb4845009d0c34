package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/backplane-dev/backplane/plugins/llvm/internal/reference"
)

// description is the protocol's machine-readable description, against which both
// the plugin's requests and the reference server's answers are held.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile("testdata/openapi.json")
})

// described finds a request in the description.
func described(t testing.TB, r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	path := []string{"/models", "/models/{id}", "/models/{id}/" + parts[len(parts)-1]}[min(len(parts), 3)-1]
	params := map[string]string{}
	if len(parts) > 1 {
		params["id"] = parts[1]
	}
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	item := doc.Paths.Value(path)
	return &openapi3filter.RequestValidationInput{
		Request: clone, PathParams: params,
		Route:   &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, SkipSettingDefaults: true},
	}
}

// describedRequest fails the test if the description refuses the request, unless
// the reference server is to refuse it: then both must.
func describedRequest(t testing.TB, r *http.Request, body []byte) {
	t.Helper()
	if !strings.HasPrefix(r.URL.Path, "/models") {
		return
	}
	recorder := httptest.NewRecorder()
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	reference.New("", reference.Models()).ServeHTTP(recorder, clone)
	in := described(t, r, body)
	err := openapi3filter.ValidateRequest(r.Context(), in)
	refused := recorder.Code == http.StatusBadRequest && !strings.Contains(recorder.Body.String(), `"params.`)
	if (err != nil) != refused {
		t.Errorf("%s %s %s: the description says %v, the server %d %s", r.Method, r.URL, body, err, recorder.Code, recorder.Body)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: recorder.Code, Header: recorder.Header(), Options: in.Options}
	out.SetBodyBytes(recorder.Body.Bytes())
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		t.Errorf("%s %s: the server's answer does not fit the description: %v", r.Method, r.URL, err)
	}
}

func TestTheDescriptionIsValid(t *testing.T) {
	t.Parallel()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}
