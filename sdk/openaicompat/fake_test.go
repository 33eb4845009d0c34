package openaicompat

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// seen is a request that the fake service received.
type seen struct {
	*http.Request
	body string
}

// service is a fake service that records requests and answers with reply.
type service struct {
	url      string
	requests chan seen
}

func newService(t testing.TB, reply http.HandlerFunc) *service {
	t.Helper()
	s := &service{requests: make(chan seen, 16)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if s.requests != nil { // benchmarks do not look
			s.requests <- seen{r, string(body)}
		}
		reply(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// json answers with a status and a JSON body.
func answerJSON(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Request-Id", "req_up")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// answerSSE answers with an event stream, each part flushed.
func answerSSE(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range parts {
			_, _ = io.WriteString(w, p)
			w.(http.Flusher).Flush()
		}
	}
}

// dialect is a service that can do everything.
func dialect(change func(*Dialect)) Dialect {
	var names []string
	for _, op := range standard {
		names = append(names, op.Name)
	}
	d := Dialect{
		Name: "acme", Version: "1.2.3", BaseURL: "http://unused.invalid", Operations: Standard(names...),
		Credential: provider.Credential{Env: []string{"ACME_KEY"}, Required: true},
		Models:     provider.Models{Default: "acme-default"},
	}
	if change != nil {
		change(&d)
	}
	return d
}

// open opens an endpoint of the dialect at the fake service.
func (s *service) open(t testing.TB, d Dialect, settings map[string]any) *endpoint {
	t.Helper()
	if settings == nil {
		settings = map[string]any{}
	}
	settings["base_url"] = s.url + "/v1"
	e, err := openWith(d, settings, "key-of-endpoint")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func openWith(d Dialect, settings map[string]any, key string) (*endpoint, error) {
	p := New(d)
	raw, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	full, diags := p.Describe().Settings.Check(raw)
	if schema.HasErrors(diags) {
		return nil, &provider.ConfigError{Diagnostics: diags}
	}
	e, err := p.Open(context.Background(), provider.EndpointConfig{
		ID: "e", Credential: provider.NewSecret(key), Settings: provider.NewSettings(full),
	})
	if err != nil {
		return nil, err
	}
	return e.(*endpoint), nil
}

// call calls an operation with a body.
func (s *service) call(t *testing.T, e *endpoint, op, body string) (*provider.Response, error) {
	t.Helper()
	return e.Call(t.Context(), &provider.Request{Operation: op, Body: []byte(body)})
}

// sink records a stream. It implements [provider.Sink].
type sink struct {
	metas  []provider.Meta
	sends  [][]string
	usages []provider.Usage
	fail   error
	onSend func()
}

func (s *sink) Start(m provider.Meta) error {
	s.metas = append(s.metas, m)
	return s.fail
}

func (s *sink) Send(chunks ...[]byte) error {
	var texts []string
	for _, c := range chunks {
		texts = append(texts, string(c))
	}
	s.sends = append(s.sends, texts)
	if s.onSend != nil {
		s.onSend()
	}
	return s.fail
}

func (s *sink) Usage(u provider.Usage) error {
	s.usages = append(s.usages, u)
	return s.fail
}

// chunks returns all chunks, in whatever batches they came.
func (s *sink) chunks() []string {
	var all []string
	for _, send := range s.sends {
		all = append(all, send...)
	}
	return all
}

// transferSink records a transfer. It implements [provider.TransferSink].
type transferSink struct {
	heads []provider.TransferHead
	bytes.Buffer
}

func (s *transferSink) Start(h provider.TransferHead) error {
	s.heads = append(s.heads, h)
	return nil
}

// wantError fails the test unless err has the code; it returns the error.
func wantError(t *testing.T, err error, code provider.Code) *provider.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", code)
	}
	e := provider.AsError(err)
	if e.Code != code {
		t.Fatalf("got %v, want code %s", e, code)
	}
	return e
}

// newServiceThatDoesNotRead makes s a service that refuses a request before it
// has read the body. The function it returns stops it.
func newServiceThatDoesNotRead(t *testing.T, s *service) func() {
	t.Helper()
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		const answer = `{"error":{"message":"too large"}}`
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		answerJSON(413, answer)(w, r)
		w.(http.Flusher).Flush()
		<-end // the rest of the body is never read
	}))
	s.url = server.URL
	return func() {
		close(end)
		server.Close()
	}
}
