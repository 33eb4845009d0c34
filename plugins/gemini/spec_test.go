package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// spec is the description of the API, in a form that refuses unknown fields. nil,
// where the file is not at hand, checks nothing.
type spec struct{ doc *openapi3.T }

// specFile lies beside the repository.
const specFile = "../../../shared/specs/gemini/openapi.strict.json"

var geminiSpec = sync.OnceValue(func() *spec {
	doc, err := openapi3.NewLoader().LoadFromFile(specFile)
	if err != nil {
		return nil
	}
	return &spec{doc}
})

var options = &openapi3filter.Options{
	SkipSettingDefaults:   true,
	AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
	IncludeResponseStatus: true,
	MultiError:            true,
}

// input makes the validation input for a request, nil if the description has no
// such path.
func (s *spec) input(r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	path, params := strings.TrimPrefix(r.URL.Path, "/v1beta"), map[string]string{}
	if model, method, ok := strings.Cut(strings.TrimPrefix(path, "/models/"), ":"); ok {
		params["modelsId"] = model
		path = "/models/{modelsId}:" + method
	}
	item := s.doc.Paths.Value(path)
	if item == nil || item.GetOperation(r.Method) == nil {
		return nil
	}
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	route := &routers.Route{Spec: s.doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}
	return &openapi3filter.RequestValidationInput{Request: clone, PathParams: params, Route: route, Options: options}
}

// checkRequest fails the test if the service would refuse the request.
func (s *spec) checkRequest(t testing.TB, r *http.Request, body []byte) {
	t.Helper()
	if s == nil {
		return
	}
	in := s.input(r, body)
	if in == nil {
		t.Errorf("%s %s: the description has no such path", r.Method, r.URL.Path)
		return
	}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		t.Errorf("%s %s: the request does not fit the description: %.2000s\n%.1000s", r.Method, r.URL.Path, err, body)
	}
}

// checkAnswer fails the test if the service would not answer so: a fake that is
// wrong proves nothing.
func (s *spec) checkAnswer(t testing.TB, r *http.Request, h http.Header, body []byte) {
	t.Helper()
	if s == nil {
		return
	}
	in := s.input(r, nil)
	if in == nil {
		return // checkRequest says so
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: http.StatusOK, Header: h, Options: options}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		t.Errorf("%s %s: the fake's answer does not fit the description: %.2000s", r.Method, r.URL.Path, err)
	}
}

// checkEvent does the same for an event of a stream.
func (s *spec) checkEvent(t testing.TB, event []byte) {
	t.Helper()
	data, ok := bytes.CutPrefix(bytes.TrimSpace(event), []byte("data: "))
	if s == nil || !ok || bytes.HasPrefix(data, []byte(`{"error"`)) {
		return
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/v1beta/models/m:generateContent", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.checkAnswer(t, r, http.Header{"Content-Type": {"application/json"}}, data)
}

func TestTheDescriptionTellsWrongRequestsFromRightOnes(t *testing.T) {
	t.Parallel()
	s := geminiSpec()
	if s == nil {
		t.Skip("the description is not beside the repository")
	}
	for body, right := range map[string]bool{
		`{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`:                               true,
		`{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"topK":3}}`: true,
		`{"generationConfig":{}}`:                                                                       false,
		`{"contents":[],"messages":[]}`:                                                                 false,
		`{"contents":[{"role":"user","parts":[{"text":["hi"]}]}]}`:                                      false,
		`{"contents":[{"role":"user","parts":[{"type":"text"}]}]}`:                                      false,
		`{"contents":[{"role":"user","parts":[]}],"generationConfig":{"max_tokens":3}}`:                 false,
		`{"contents":[{"parts":[]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]}`:                 false,
		`{"contents":[{"parts":[]}],"toolConfig":{"functionCallingConfig":{"mode":"auto"}}}`:            false,
		`{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"responseSchema":{"type":"str"}}}`: false,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/v1beta/models/m:generateContent", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if err := openapi3filter.ValidateRequest(t.Context(), s.input(r, []byte(body))); (err == nil) != right {
			t.Errorf("%s: got %v", body, err)
		}
	}
}
