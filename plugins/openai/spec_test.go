package main

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// spec is OpenAI's own description of its API. nil, where the files are not at
// hand, checks nothing.
type spec struct{ doc *openapi3.T }

// specFiles lie beside the repository. The first describes everything, the
// second the most important part; one of them is enough.
var specFiles = []string{
	"../../../shared/specs/openai/openapi.yaml",
	"../../../shared/specs/openai/openapi.subset.json",
}

var openAISpec = sync.OnceValue(func() *spec {
	for _, file := range specFiles {
		if doc, err := openapi3.NewLoader().LoadFromFile(file); err == nil {
			return &spec{doc}
		}
	}
	return nil
})

// options are those with which the description tells right from wrong.
var options = &openapi3filter.Options{
	SkipSettingDefaults:   true,
	AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
	IncludeResponseStatus: true,
	MultiError:            true,
}

// route finds the description of a request.
func route(doc *openapi3.T, r *http.Request) (*routers.Route, map[string]string) {
	path, params := r.URL.Path, map[string]string{}
	for name, prefix := range map[string]string{"file_id": "/files/", "batch_id": "/batches/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			id, tail, _ := strings.Cut(rest, "/")
			params[name] = id
			path = strings.TrimRight(prefix+"{"+name+"}/"+tail, "/")
		}
	}
	item := doc.Paths.Value(path)
	if item == nil || item.GetOperation(r.Method) == nil {
		return nil, nil
	}
	return &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}, params
}

// input makes the validation input for a request with the given body.
func input(doc *openapi3.T, r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	found, params := route(doc, r)
	if found == nil {
		return nil
	}
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	clone.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	return &openapi3filter.RequestValidationInput{Request: clone, PathParams: params, Route: found, Options: options}
}

// checkRequest fails the test if OpenAI would refuse the request.
func (s *spec) checkRequest(t testing.TB, r *http.Request, body []byte) {
	t.Helper()
	if s == nil {
		return
	}
	in := input(s.doc, r, body)
	if in == nil {
		t.Errorf("%s %s: OpenAI's description has no such path", r.Method, r.URL.Path)
		return
	}
	if err := validate(in, r, body); err != nil {
		t.Errorf("%s %s: the request does not fit OpenAI's description: %.2000s", r.Method, r.URL.Path, err)
	}
}

// validate holds a request against its description. The library cannot read form
// fields whose schema is a choice: those are checked as the object they make.
func validate(in *openapi3filter.RequestValidationInput, r *http.Request, body []byte) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return openapi3filter.ValidateRequest(r.Context(), in)
	}
	fields := map[string]any{}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := form.NextPart()
		if err == io.EOF { // wrapped, it means a form without an end
			break
		}
		if err != nil {
			return err
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		fields[part.FormName()] = string(value)
	}
	return in.Route.Operation.RequestBody.Value.Content.Get(kind).Schema.Value.VisitJSON(fields)
}

// checkAnswer fails the test if OpenAI would not answer so: a fake that is wrong
// proves nothing.
func (s *spec) checkAnswer(t testing.TB, r *http.Request, h http.Header, body []byte) {
	t.Helper()
	if s == nil {
		return
	}
	in := input(s.doc, r, nil)
	if in == nil {
		return // checkRequest says so
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: http.StatusOK, Header: h, Options: options}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		t.Errorf("%s %s: the fake's answer does not fit OpenAI's description: %.2000s", r.Method, r.URL.Path, err)
	}
}

func TestTheDescriptionTellsWrongRequestsFromRightOnes(t *testing.T) {
	s := openAISpec()
	if s == nil {
		t.Skip("OpenAI's description is not beside the repository")
	}
	for _, tt := range []struct {
		path, contentType, body string
		right                   bool
	}{
		{"/chat/completions", "application/json", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, true},
		{"/chat/completions", "application/json", `{"model":"m"}`, false},
		{"/chat/completions", "application/json", `{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":"high"}`, false},
		{"/audio/translations", formType, string(formOf("file", "mp3", "audio/mpeg", "model", "whisper-1")), true},
		{"/audio/translations", formType, string(formOf("file", "mp3", "audio/mpeg", "language", "en")), false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x"+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tt.contentType)
		in := input(s.doc, r, []byte(tt.body))
		if in == nil {
			continue // the part has chat only
		}
		if err := validate(in, r, []byte(tt.body)); (err == nil) != tt.right {
			t.Errorf("%s %s: got %v", tt.path, tt.body, err)
		}
	}
}
