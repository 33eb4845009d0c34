package openaicompat

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
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

// BenchmarkAdded counts what this package adds to a bare request of package rest
// with the same answer, as the difference of two counts.
func BenchmarkAdded(b *testing.B) {
	const answer = `{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`
	s := newService(b, answerJSON(200, answer))
	s.requests = nil
	e := s.open(b, dialect(func(d *Dialect) {
		d.RequestIDHeader, d.ReturnHeaders = "X-Client-Request-Id", []string{"x-took-ms", "x-version"}
	}), nil)
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("word ", 200) + `"}]}`)
	for name, req := range map[string]*provider.Request{
		"asIs":    {Operation: provider.OpChat, Model: "m", RequestID: "r-1", Body: body},
		"changed": {Operation: provider.OpChat, Model: "other", RequestID: "r-1", Body: body},
	} {
		b.Run(name, func(b *testing.B) {
			var added uint64
			for b.Loop() {
				bare := allocations(func() {
					resp, err := e.client.Do(b.Context(), &rest.Request{Method: "POST", Path: "/chat/completions", Header: e.header, Accept: rest.TypeJSON, Body: body})
					if err != nil {
						b.Fatal(err)
					}
					if _, err := resp.ReadAll(); err != nil {
						b.Fatal(err)
					}
				})
				added += allocations(func() {
					if _, err := e.Call(b.Context(), req); err != nil {
						b.Fatal(err)
					}
				}) - bare
			}
			b.ReportMetric(float64(int64(added))/float64(b.N), "allocs-added/op")
		})
	}
}

// allocations counts the process's while do runs.
func allocations(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// BenchmarkChunk takes the chunks of a stream, without the network: those of a
// chat, recognised and not, and those of the responses operation.
func BenchmarkChunk(b *testing.B) {
	const (
		chat     = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}`
		response = `{"type":"response.output_text.delta","sequence_number":17,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" word","logprobs":[],"obfuscation":"a1b2c3"}`
	)
	for _, bb := range []struct {
		name, chunk, kind string
		inVain            uint8
		reasoning         string
	}{
		{"chat", chat, "", 0, ""}, {"scanned", chat, "", maxInVain, ""}, {"responses", response, "response.output_text.delta", 0, ""},
		{"renamed", chat, "", 0, "reasoning"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := &stream{out: &drop{}, op: &Operation{Name: provider.OpChat}, dialect: &Dialect{Reasoning: bb.reasoning}, models: &modelNames{}, named: bb.kind != ""}
			s.alike.inVain = bb.inVain
			batch := make([]rest.Event, 4)
			for i := range batch {
				batch[i] = rest.Event{Type: bb.kind, Data: []byte(bb.chunk)}
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.take(batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch)), "ns/chunk")
		})
	}
}

const completion = `{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,` +
	`"message":{"role":"assistant","content":"A fixed answer of about the length of a short reply, so that the cost of passing it on is that of a real one and the cost of making it is none at all.","refusal":null},` +
	`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":48,"total_tokens":67,` +
	`"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_mock"}`

// BenchmarkParts times what a call takes here beside the network.
func BenchmarkParts(b *testing.B) {
	s := newService(b, answerJSON(200, completion))
	s.requests = nil
	e := s.open(b, dialect(func(d *Dialect) { d.RequestIDHeader = "X-Client-Request-Id" }), nil)
	op := e.provider.operations[provider.OpChat]
	req := &provider.Request{Operation: provider.OpChat, Model: "m", RequestID: "r-1", Body: []byte(`{"model":"alias","messages":[{"role":"user","content":"` + strings.Repeat("word ", 160) + `"}],"temperature":0.7,"max_tokens":256}`)}
	b.Run("facts", func(b *testing.B) {
		b.ReportAllocs()
		data := []byte(completion)
		for b.Loop() {
			if f, err := readFacts(data); err != nil || f.finish != "stop" {
				b.Fatal(err)
			}
		}
	})
	b.Run("edit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ed := e.newEdit(op, req)
			ed.stream(op, false, false)
			var out rest.Request
			if err := e.fill(&out, op, req, ed); err != nil {
				b.Fatal(err)
			}
			ed.release()
		}
	})
	b.Run("headers", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ed := e.newEdit(op, req)
			ed.lends = true
			out := &sent{}
			if h := e.headers(req, callHeader{space: ed.lent(), values: out.values[:0]}); len(h) < 2 {
				b.Fatal(h)
			}
			ed.release()
		}
	})
}
