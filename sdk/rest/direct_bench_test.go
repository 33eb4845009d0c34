//go:build unix

package rest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// answering serves the given answer to every request, without net/http, so that
// what is counted is the client's.
func answering(b *testing.B, answer string) string {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() }) // ends the accepting goroutine
	reply := []byte(answer)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }() // that is all
				buf := make([]byte, 64<<10)
				for {
					if _, err := conn.Read(buf); err != nil {
						return
					}
					if _, err := conn.Write(reply); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func benchEachWay(b *testing.B, answer string, call func(b *testing.B, c *Client)) {
	for _, way := range []string{"direct", "transport"} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", way, callers), func(b *testing.B) {
				client := newClient(b, answering(b, answer), nil)
				b.ReportAllocs()
				before := cpuTime(b)
				if callers == 1 {
					for b.Loop() {
						call(b, client)
					}
				} else {
					b.SetParallelism(callers / runtime.GOMAXPROCS(0))
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							call(b, client)
						}
					})
				}
				b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// cpuTime returns what the process has used, the fake service included.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkDo makes whole calls, one at a time and 64 at once. The call has a
// context of its own, as every call of a plugin has.
func BenchmarkDo(b *testing.B) {
	const text = `{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"words"}}]}`
	answer := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_1\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: " +
		strconv.Itoa(len(text)) + "\r\n\r\n" + text
	body := []byte(`{"model":"m","messages":[]}`)
	header := http.Header{"Authorization": {"Bearer k"}}
	benchEachWay(b, answer, func(b *testing.B, c *Client) {
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		resp, err := c.Do(ctx, &Request{Path: "/x", Header: header, Body: body, Accept: TypeJSON})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := resp.ReadAll(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkStream reads streams of 200 chunks that came together.
func BenchmarkStream(b *testing.B) {
	event := "data: " + benchChunk + "\n\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
	answer := okHeader + strings.Repeat(chunk, 200) + "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
	body := []byte(`{"model":"m","stream":true}`)
	benchEachWay(b, answer, func(b *testing.B, c *Client) {
		resp, err := c.Do(b.Context(), &Request{Path: "/x", Body: body, Accept: TypeEventStream})
		if err != nil {
			b.Fatal(err)
		}
		events, err := resp.Events()
		if err != nil {
			b.Fatal(err)
		}
		for over := false; !over; {
			batch, err := events.Next()
			if err != nil {
				b.Fatal(err)
			}
			over = batch[len(batch)-1].Done()
		}
		resp.Finish()
	})
}

// BenchmarkIdleStreams reports the memory of a stream that waits for its next
// event, the goroutine of its reader and the fake's end of it included.
func BenchmarkIdleStreams(b *testing.B) {
	const streams = 1000
	for _, way := range []string{"direct", "transport"} {
		b.Run(way, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(idleStreams(b, streams)/1024/streams, "KiB/stream")
			}
		})
	}
}

func idleStreams(b *testing.B, streams int) float64 {
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }() // ends the goroutine
	go func() {
		event := "data: " + benchChunk + "\n\n"
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }() // when all is over
			readRequest(conn)
			if _, err := fmt.Fprintf(conn, "%s%x\r\n%s\r\n", okHeader, len(event), event); err != nil {
				return
			}
		}
	}()
	client := newClient(b, "http://"+l.Addr().String(), nil)
	before := inUse()
	ctx, cancel := context.WithCancel(b.Context())
	var waiting, ended sync.WaitGroup
	for range streams {
		waiting.Add(1)
		ended.Go(func() { waitForEvents(ctx, b, client, waiting.Done) })
	}
	waiting.Wait()
	used := inUse() - before
	cancel()
	ended.Wait()
	return used
}

// waitForEvents reads the first event of a stream and waits for another.
func waitForEvents(ctx context.Context, b *testing.B, client *Client, first func()) {
	resp, err := client.Do(ctx, &Request{Path: "/x", Body: []byte("{}"), Accept: TypeEventStream})
	if err != nil {
		b.Error(err)
		first()
		return
	}
	defer resp.Close()
	events, err := resp.Events()
	if err == nil {
		_, err = events.Next()
	}
	first()
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = events.Next() // it ends with the context
}

// inUse returns the bytes of heap and stacks in use.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
