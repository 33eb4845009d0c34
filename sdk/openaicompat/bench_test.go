package openaicompat

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// drop takes a stream and forgets it.
type drop struct{ chunks int }

func (*drop) Start(provider.Meta) error  { return nil }
func (d *drop) Send(c ...[]byte) error   { d.chunks += len(c); return nil }
func (*drop) Usage(provider.Usage) error { return nil }

// BenchmarkCall and BenchmarkStream run against a fake on loopback: most of the
// time is net/http's and the fake's.
func BenchmarkCall(b *testing.B) {
	s := newService(b, answerJSON(200, `{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`))
	s.requests = nil
	e := s.open(b, dialect(nil), nil)
	req := &provider.Request{Operation: provider.OpChat, Model: "m", Body: []byte(`{"model":"alias","messages":[{"role":"user","content":"` + strings.Repeat("word ", 200) + `"}]}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Call(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStream(b *testing.B) {
	const chunks = 256
	body := []byte(strings.Repeat(event(wordChunk), chunks) + event(endChunk) + event(usageChunk) + done)
	s := newService(b, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(body)
	})
	s.requests = nil
	e := s.open(b, dialect(nil), nil)
	b.ReportAllocs()
	for b.Loop() {
		out := &drop{}
		if _, err := e.Stream(b.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(`{"model":"m"}`)}, out); err != nil || out.chunks != chunks+1 {
			b.Fatal(out.chunks, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunks, "ns/chunk")
}
