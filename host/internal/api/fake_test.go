package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// fakeCore is a fake host: each method does what the test says, and a test that
// reaches a method which it did not set fails with a panic's answer.
type fakeCore struct {
	call       func(ctx context.Context, req *provider.Request) (*provider.Response, error)
	stream     func(ctx context.Context, req *provider.Request) (provider.EventStream, error)
	transfer   func(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error)
	models     func() ([]provider.Model, error)
	operations []provider.Operation
	notReady   string
	report     status.Report
}

func (f *fakeCore) Call(ctx context.Context, req *provider.Request) (*provider.Response, status.Report, error) {
	resp, err := f.call(ctx, req)
	return resp, f.report, err
}

func (f *fakeCore) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, status.Report, error) {
	s, err := f.stream(ctx, req)
	return s, f.report, err
}

func (f *fakeCore) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, status.Report, error) {
	resp, err := f.transfer(ctx, req)
	return resp, f.report, err
}

func (f *fakeCore) Models(context.Context) ([]provider.Model, error) { return f.models() }

func (f *fakeCore) Operations(endpoint string) ([]provider.Operation, error) {
	if endpoint != "fast" {
		return nil, &provider.Error{Code: provider.CodeNotFound, Source: provider.SourceHost, Param: "endpoint",
			Message: `endpoint "` + endpoint + `" is not known; did you mean "fast"?`}
	}
	return f.operations, nil
}

func (f *fakeCore) Ready() (bool, string) { return f.notReady == "", f.notReady }

// recorded is what a fake core was asked for.
type recorded struct {
	mu   sync.Mutex
	req  provider.Request
	body string
	data string
	kind string
	size int64
}

func (r *recorded) request() (provider.Request, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.req, r.body
}

func (r *recorded) keep(req *provider.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.req, r.body = *req, string(req.Body) // a copy: the body's memory is used again
	r.req.Body = nil
}

// answering is a fake core that records requests and answers all of them.
func answering(answer string, events ...provider.Event) (*fakeCore, *recorded) {
	rec := &recorded{}
	return &fakeCore{
		call: func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			rec.keep(req)
			return &provider.Response{Body: []byte(answer)}, nil
		},
		stream: func(_ context.Context, req *provider.Request) (provider.EventStream, error) {
			rec.keep(req)
			return newFakeStream(events...), nil
		},
		transfer: func(_ context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
			rec.keep(&req.Request)
			if req.Data != nil {
				data, err := io.ReadAll(req.Data)
				if err != nil {
					return nil, err
				}
				rec.mu.Lock()
				rec.data, rec.kind, rec.size = string(data), req.DataType, req.DataLength
				rec.mu.Unlock()
			}
			return &provider.TransferResponse{
				TransferHead: provider.TransferHead{ContentType: "audio/mpeg", Length: int64(len(answer))},
				Body:         io.NopCloser(strings.NewReader(answer)),
			}, nil
		},
	}, rec
}

// fakeStream is a fake stream: it gives the events of the channel, then err.
type fakeStream struct {
	events chan provider.Event
	err    error // after the last event; nil is io.EOF
	closed chan struct{}
	once   sync.Once
}

// newFakeStream makes a stream that has all its events at once.
func newFakeStream(events ...provider.Event) *fakeStream {
	s := &fakeStream{events: make(chan provider.Event, len(events)), closed: make(chan struct{})}
	for _, ev := range events {
		s.events <- ev
	}
	close(s.events)
	return s
}

func (s *fakeStream) failing(err error) *fakeStream {
	s.err = err
	return s
}

func (s *fakeStream) Next() (provider.Event, error) {
	select {
	case ev, ok := <-s.events:
		if ok {
			return ev, nil
		}
		if s.err != nil {
			return provider.Event{}, s.err
		}
		return provider.Event{}, io.EOF
	case <-s.closed:
		return provider.Event{}, &provider.Error{Code: provider.CodeCanceled, Message: "closed"}
	}
}

func (s *fakeStream) Close() { s.once.Do(func() { close(s.closed) }) }

func started() provider.Event {
	return provider.Event{Kind: provider.EventStarted, Meta: &provider.Meta{RequestID: "up_1", Header: map[string]string{"openai-version": "2020"}}}
}

func chunks(chunks ...string) provider.Event {
	ev := provider.Event{Kind: provider.EventData}
	for _, c := range chunks {
		ev.Chunks = append(ev.Chunks, []byte(c))
	}
	return ev
}

func finished() provider.Event {
	return provider.Event{Kind: provider.EventFinished, Finish: &provider.Finish{Reason: "stop"}}
}

// post sends one request to a handler without a socket.
func post(h http.Handler, path, body string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest("POST", path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

// serve runs a handler behind a real socket.
func serve(t *testing.T, core api.Core, opts api.Options) *httptest.Server {
	t.Helper()
	return serveHandler(t, api.New(core, opts))
}

// within fails the test if ch is not ready soon.
func within(t *testing.T, d time.Duration, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(d):
		t.Fatalf("%s did not happen within %s", what, d)
	}
}

const hello = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
const helloStream = `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`
