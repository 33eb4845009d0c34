package host

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/front"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// silent is a fake backend whose streams have one chunk and then nothing.
type silent struct{ plain }

func (*silent) Stream(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
	return &hush{ctx: ctx}, nil
}

// hush is a stream of one chunk that ends with its context.
type hush struct {
	ctx  context.Context
	told bool
}

func (h *hush) Next() (provider.Event, error) {
	if h.told {
		<-h.ctx.Done()
		return provider.Event{}, provider.AsError(h.ctx.Err())
	}
	h.told = true
	return provider.Event{Kind: provider.EventData, Chunks: [][]byte{[]byte(`{}`)}}, nil
}

func (*hush) Close() {}

// BenchmarkIdleStreams shows what a stream that is silent holds in the host, with
// its server and without the plugin's end: memory of heap and stacks, and
// goroutines.
func BenchmarkIdleStreams(b *testing.B) {
	const streams = 1000
	h := world(ordered(), part{id: "a", backend: &silent{}, policy: func(p *config.Policy) { p.Stats.Recent = false }})
	server := front.New(api.NewServer(api.New(core{h}, api.Options{TenantBy: "key", PriorityHeader: "x-backplane-priority"}), nil))
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }() // ends with the benchmark
	defer func() { _ = server.Close() }()
	body := `{"model":"r","stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("x", 500) + `"}]}`
	request := fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	in := bufio.NewReader(nil)
	for b.Loop() {
		heap, stacks := memory()
		routines := runtime.NumGoroutine()
		conns := make([]net.Conn, streams)
		for i := range conns {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := conn.Write(request); err != nil {
				b.Fatal(err)
			}
			in.Reset(conn)
			if _, err := in.ReadString('{'); err != nil {
				b.Fatal(err)
			}
			conns[i] = conn
		}
		heapNow, stacksNow := memory()
		b.ReportMetric((heapNow-heap)/streams/1024, "KB-heap/stream")
		b.ReportMetric((stacksNow-stacks)/streams/1024, "KB-stacks/stream")
		b.ReportMetric(float64(runtime.NumGoroutine()-routines)/streams, "goroutines/stream")
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

// memory is what heap and stacks take after a collection, in bytes.
func memory() (heap, stacks float64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse), float64(m.StackInuse)
}
