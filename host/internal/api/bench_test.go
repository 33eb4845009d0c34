package api_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// nowhere is a writer that costs nothing, so that a benchmark shows the handler.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Flush()                      {}

func (w *nowhere) SetReadDeadline(time.Time) error  { return nil }
func (w *nowhere) SetWriteDeadline(time.Time) error { return nil }

// rewound is a body that can be read again and again.
type rewound struct{ bytes.Reader }

func (*rewound) Close() error { return nil }

// benchHandler calls the handler alone, without net/http's server.
func benchHandler(b *testing.B, core api.Core, body string) {
	b.Helper()
	h := api.New(core, api.Options{})
	req := httptest.NewRequest("POST", "/v1/chat/completions", nil)
	req.Header.Set("Content-Type", "application/json")
	reader := &rewound{}
	req.Body, req.ContentLength = reader, int64(len(body))
	text := []byte(body)
	w := &nowhere{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(text)
		clear(w.header)
		h.ServeHTTP(w, req)
	}
}

var benchReport = status.Report{Endpoint: "fast", Attempts: 1, QueueWait: 12345, ProviderTime: 1234567, Total: 1300000}

func BenchmarkUnary(b *testing.B) {
	answer := &provider.Response{Body: []byte(`{"choices":[{"message":{"content":"` + strings.Repeat("x", 700) + `"}}]}`)}
	core := &fakeCore{report: benchReport, call: func(context.Context, *provider.Request) (*provider.Response, error) { return answer, nil }}
	for _, size := range []int{1 << 10, 200 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			benchHandler(b, core, `{"model":"m","messages":[{"role":"user","content":"`+strings.Repeat("x", size)+`"}]}`)
		})
	}
}

// repeated is a fake stream that sends the same event n times.
type repeated struct {
	event provider.Event
	left  int
}

func (s *repeated) Close() {}

func (s *repeated) Next() (provider.Event, error) {
	if s.left == 0 {
		return provider.Event{Kind: provider.EventFinished}, nil
	}
	s.left--
	return s.event, nil
}

// BenchmarkStream shows the cost of a stream of 200 chunks; an operation is the
// whole stream.
func BenchmarkStream(b *testing.B) {
	for _, together := range []int{1, 8} {
		event := provider.Event{Kind: provider.EventData}
		for range together {
			event.Chunks = append(event.Chunks, []byte(`{"id":"c","choices":[{"index":0,"delta":{"content":"`+strings.Repeat("x", 100)+`"}}]}`))
		}
		b.Run(fmt.Sprintf("%d chunks an event", together), func(b *testing.B) {
			core := &fakeCore{report: benchReport, stream: func(context.Context, *provider.Request) (provider.EventStream, error) {
				return &repeated{event, 200 / together}, nil
			}}
			benchHandler(b, core, helloStream)
		})
	}
}

// BenchmarkServer includes the HTTP server and a real socket.
func BenchmarkServer(b *testing.B) {
	for name, over := range map[string]bool{"front": true, "standard": false} {
		b.Run(name, func(b *testing.B) {
			overFront = over
			benchServer(b)
		})
	}
}

func benchServer(b *testing.B) {
	answer := &provider.Response{Body: []byte(`{"choices":[{"message":{"content":"` + strings.Repeat("x", 700) + `"}}]}`)}
	core := &fakeCore{report: benchReport, call: func(context.Context, *provider.Request) (*provider.Response, error) { return answer, nil }}
	server := serveHandler(b, api.New(core, api.Options{}))
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	request := fmt.Appendf(nil, "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatHead, len(hello), hello)
	in := bufio.NewReader(conn)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if err := skipAnswer(in, len(answer.Body)); err != nil {
			b.Fatal(err)
		}
	}
}

// skipAnswer reads one answer without allocating, so that the benchmark shows
// the server's allocations only.
func skipAnswer(in *bufio.Reader, body int) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err = in.Discard(body)
			return err
		}
		if bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("%s: %w", line, io.ErrUnexpectedEOF)
		}
	}
}
