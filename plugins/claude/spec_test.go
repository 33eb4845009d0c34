package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// specFile is Anthropic's description of its API. It lies beside the repository;
// where it is not at hand nothing is checked.
const specFile = "../../../shared/specs/anthropic/openapi.subset.json"

var anthropicSpec = sync.OnceValue(func() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromFile(specFile)
	if err != nil {
		return nil
	}
	return doc
})

// input makes the validation input for a request with the given body.
func input(doc *openapi3.T, r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	item := doc.Paths.Value(r.URL.Path)
	if item == nil || item.GetOperation(r.Method) == nil {
		return nil
	}
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	return &openapi3filter.RequestValidationInput{
		Request: clone,
		Route:   &routers.Route{Spec: doc, Path: r.URL.Path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
		Options: &openapi3filter.Options{
			SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
		},
	}
}

// checkRequest reports whether Anthropic would refuse the request.
func checkRequest(r *http.Request, body []byte) error {
	doc := anthropicSpec()
	if doc == nil {
		return nil
	}
	in := input(doc, r, body)
	if in == nil {
		return http.ErrNotSupported
	}
	return openapi3filter.ValidateRequest(r.Context(), in)
}

// checkAnswer fails the test if Anthropic would not answer so: a fake that is
// wrong proves nothing.
func checkAnswer(t testing.TB, r *http.Request, data []byte) {
	t.Helper()
	doc := anthropicSpec()
	if doc == nil {
		return
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input(doc, r, nil), Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
	}
	out.Options = out.RequestValidationInput.Options
	out.SetBodyBytes(data)
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		t.Errorf("%s: the fake's answer does not fit the description: %.2000s", r.URL.Path, err)
	}
}

func TestTheFakesEventsFitTheDescription(t *testing.T) {
	t.Parallel()
	doc := anthropicSpec()
	if doc == nil {
		t.Skip("the description is not beside the repository")
	}
	schema := doc.Components.Schemas["MessageStreamEvent"].Value
	for _, name := range []string{"message", "tools", "foreign"} {
		for line := range strings.Lines(string(testdata(t, "streams/"+name+".sse"))) {
			text, ok := strings.CutPrefix(line, "data: ")
			if !ok {
				continue
			}
			var event any
			if err := json.Unmarshal([]byte(text), &event); err != nil {
				t.Fatal(err)
			}
			if err := schema.VisitJSON(event); err != nil {
				t.Errorf("%s: %s: %.500s", name, text, err)
			}
		}
	}
}

func TestTheDescriptionTellsWrongRequestsFromRightOnes(t *testing.T) {
	t.Parallel()
	if anthropicSpec() == nil {
		t.Skip("the description is not beside the repository")
	}
	for _, tt := range []struct {
		path, body string
		right      bool
	}{
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`, true},
		{pathMessages, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"system","content":"hi"}]}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[],"seed":7}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[],"temperature":1.5}`, false},
		{pathMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`, false},
		{pathCount, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, true},
		{pathCount, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`, false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x"+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if err := checkRequest(r, []byte(tt.body)); (err == nil) != tt.right {
			t.Errorf("%s %s: got %v", tt.path, tt.body, err)
		}
	}
}
