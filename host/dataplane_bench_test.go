package host

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// nowhere is a writer that costs nothing, so that a benchmark shows the host. As
// those of package front it takes fields without a header.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header              { return w.header }
func (w *nowhere) SetField(string, string)          {}
func (w *nowhere) Write(p []byte) (int, error)      { return len(p), nil }
func (w *nowhere) WriteHeader(int)                  {}
func (w *nowhere) Flush()                           {}
func (w *nowhere) SetReadDeadline(time.Time) error  { return nil }
func (w *nowhere) SetWriteDeadline(time.Time) error { return nil }

// rewound is a body that can be read again and again.
type rewound struct{ bytes.Reader }

func (*rewound) Close() error { return nil }

// plain is a fake backend that allocates nothing: it gives the same answer, or a
// stream of the same chunk, to one request at a time.
type plain struct {
	service
	answer provider.Response
	chunks [][]byte
	events int
	left   int
}

func (p *plain) Call(context.Context, *provider.Request) (*provider.Response, error) {
	return &p.answer, nil
}

func (p *plain) Stream(context.Context, *provider.Request) (provider.EventStream, error) {
	p.left = p.events
	return p, nil
}

func (p *plain) Next() (provider.Event, error) {
	if p.left--; p.left < 0 {
		return provider.Event{Kind: provider.EventFinished}, nil
	}
	return provider.Event{Kind: provider.EventData, Chunks: p.chunks}, nil
}

func (*plain) Close() {}

// dataPlane is the whole handler of a host around a backend, without servers and
// plugins.
func dataPlane(backend *plain) http.Handler {
	h := world(ordered(), part{id: "a", backend: backend, policy: func(p *config.Policy) { p.Stats.Recent = false }})
	return api.New(core{h}, api.Options{
		TenantBy: "key", PriorityHeader: "x-backplane-priority", CallerHeaders: h.sticky,
		ForwardHeaders: func() []api.ForwardHeader { return nil },
	})
}

// asking returns what calls the handler once with a request like those of OpenAI's clients.
func asking(handler http.Handler, body string) func() {
	req := httptest.NewRequest("POST", "/v1/chat/completions", nil)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json", "Authorization": "Bearer sk-1234567890",
		"User-Agent": "OpenAI/Python 2.8.1", "X-Stainless-Retry-Count": "0",
	} {
		req.Header.Set(name, value)
	}
	reader := &rewound{}
	req.Body, req.ContentLength = reader, int64(len(body))
	text, w := []byte(body), &nowhere{header: make(http.Header)}
	return func() {
		reader.Reset(text)
		clear(w.header)
		handler.ServeHTTP(w, req)
	}
}

func plainBackend(together int) *plain {
	p := &plain{events: 200 / together}
	p.answer.Body = []byte(`{"choices":[{"message":{"content":"` + strings.Repeat("x", 700) + `"}}]}`)
	for range together {
		p.chunks = append(p.chunks, []byte(`{"id":"c","choices":[{"index":0,"delta":{"content":"`+strings.Repeat("x", 100)+`"}}]}`))
	}
	return p
}

// BenchmarkDataPlane shows what the host itself costs a request, between net/http
// and the plugin's process; a stream has 200 chunks.
func BenchmarkDataPlane(b *testing.B) {
	message := func(n int) string { return `"messages":[{"role":"user","content":"` + strings.Repeat("x", n) + `"}]}` }
	for _, bench := range []struct {
		name, body string
		together   int
	}{
		{"unary", `{"model":"r",` + message(100), 1},
		{"unary 200KB", `{"model":"r",` + message(200<<10), 1},
		{"stream", `{"model":"r","stream":true,` + message(100), 1},
		{"stream, 8 chunks an event", `{"model":"r","stream":true,` + message(100), 8},
	} {
		b.Run(bench.name, func(b *testing.B) {
			ask := asking(dataPlane(plainBackend(bench.together)), bench.body)
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}
