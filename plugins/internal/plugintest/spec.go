package plugintest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Spec is a service's own description of its API. Where the file is not at hand
// it checks nothing.
type Spec struct{ doc *openapi3.T }

// LoadSpec loads a description that lies beside the repository.
func LoadSpec(name string) *Spec {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join("..", "..", "..", "shared", "specs", filepath.FromSlash(name)))
	if err != nil {
		return &Spec{}
	}
	return &Spec{doc}
}

// There reports whether the description is at hand.
func (s *Spec) There() bool { return s.doc != nil }

// specOptions are those with which descriptions tell right from wrong.
var specOptions = &openapi3filter.Options{
	SkipSettingDefaults:   true,
	AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
	IncludeResponseStatus: true,
	MultiError:            true,
}

// route finds the description of a request.
func (s *Spec) route(r *http.Request) (*routers.Route, map[string]string) {
	given := strings.Split(r.URL.EscapedPath(), "/")
	for template, item := range s.doc.Paths.Map() {
		parts := strings.Split(template, "/")
		op := item.GetOperation(r.Method)
		if op == nil || len(parts) != len(given) {
			continue
		}
		params := map[string]string{}
		for i, part := range parts {
			if name, after, ok := strings.Cut(strings.TrimPrefix(part, "{"), "}"); ok && strings.HasSuffix(given[i], after) {
				params[name] = strings.TrimSuffix(given[i], after) // Google's paths end in a verb: {model}:verb
			} else if part != given[i] {
				params = nil
				break
			}
		}
		if params != nil {
			return &routers.Route{Spec: s.doc, Path: template, PathItem: item, Method: r.Method, Operation: op}, params
		}
	}
	return nil, nil
}

func (s *Spec) input(r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	found, params := s.route(r)
	if found == nil {
		return nil
	}
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	clone.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	return &openapi3filter.RequestValidationInput{Request: clone, PathParams: params, Route: found, Options: specOptions}
}

// CheckRequest fails the test if the service would refuse the request.
func (s *Spec) CheckRequest(t testing.TB, r *http.Request, body []byte) {
	t.Helper()
	if err := s.RequestError(t, r, body); err != nil {
		t.Errorf("%s %s: the request does not fit the service's description: %.2000s\n%.500s", r.Method, r.URL.Path, err, body)
	}
}

// RequestError says why the service would refuse the request, nil if it would
// not.
func (s *Spec) RequestError(t testing.TB, r *http.Request, body []byte) error {
	t.Helper()
	if s.doc == nil {
		return nil
	}
	in := s.input(r, body)
	if in == nil {
		t.Errorf("%s %s: the service's description has no such path", r.Method, r.URL.Path)
		return nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return openapi3filter.ValidateRequest(r.Context(), in)
	}
	fields, err := formFields(body, params["boundary"])
	if err != nil {
		return err
	}
	return in.Route.Operation.RequestBody.Value.Content.Get(kind).Schema.Value.VisitJSON(fields)
}

// formFields reads a form as the object that it makes: the library cannot read
// fields whose schema is a choice.
func formFields(body []byte, boundary string) (map[string]any, error) {
	fields := map[string]any{}
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := form.NextPart()
		if err == io.EOF { //nolint:errorlint // wrapped, it means a form without an end
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		fields[part.FormName()] = string(value)
	}
}

// CheckAnswer fails the test if the service would not answer so: a fake that is
// wrong proves nothing.
func (s *Spec) CheckAnswer(t testing.TB, r *http.Request, contentType string, body []byte) {
	t.Helper()
	if s.doc == nil {
		return
	}
	in := s.input(r, nil)
	if in == nil {
		return // CheckRequest says so
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: http.StatusOK, Header: http.Header{"Content-Type": {contentType}}, Options: specOptions,
	}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		t.Errorf("%s %s: the fake's answer does not fit the service's description: %.2000s", r.Method, r.URL.Path, err)
	}
}
