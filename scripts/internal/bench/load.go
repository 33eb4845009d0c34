package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop: each of the connections sends a request, reads the
// whole answer, and sends the next. Raw connections, so that the generator costs
// little beside what it measures.
type load struct {
	addr        string
	connections int
	request     []byte
	stream      bool
}

// sample is what one connection saw in the measured time.
type sample struct {
	latency []time.Duration
	first   []time.Duration
	chunks  int64
	failed  int64
	failure error
}

const (
	warmingUp = iota
	measuring
	stopping
)

// requestBytes makes a chat request whose body has about size bytes.
func requestBytes(addr, model string, stream bool, size int) []byte {
	head := `{"model":"` + model + `",`
	if stream {
		head += `"stream":true,`
	}
	body := head + `"temperature":0.7,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"`
	tail := `"}]}`
	body += strings.Repeat("Say something short. ", max(1, (size-len(body)-len(tail))/21)) + tail
	return fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer sk-bench\r\nContent-Length: %d\r\n\r\n%s", addr, len(body), body)
}

// run drives the load: a warm-up, then the measured time. before and after are
// called at its edges.
func (l *load) run(ctx context.Context, warmUp, measured time.Duration, before, after func() error) ([]sample, time.Duration, error) {
	var phase atomic.Int32
	samples := make([]sample, l.connections)
	var wg sync.WaitGroup
	for i := range samples {
		wg.Go(func() { l.connection(ctx, &phase, &samples[i]) })
	}
	sleep(ctx, warmUp)
	err := before()
	start := time.Now()
	phase.Store(measuring)
	sleep(ctx, measured)
	phase.Store(stopping)
	elapsed := time.Since(start)
	if err == nil {
		err = after()
	}
	wg.Wait()
	return samples, elapsed, err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (l *load) connection(ctx context.Context, phase *atomic.Int32, s *sample) {
	var c *client
	for phase.Load() != stopping && ctx.Err() == nil {
		if c == nil {
			var err error
			if c, err = dial(l.addr, 16<<10); err != nil {
				s.failed++
				s.failure = err
				time.Sleep(10 * time.Millisecond)
				continue
			}
		}
		start := time.Now()
		a, err := c.do(l.request, func(n int64) {
			if phase.Load() == measuring {
				s.chunks += n
			}
		})
		if err != nil {
			s.failed++
			s.failure = err
			_ = c.conn.Close()
			c = nil
			continue
		}
		if phase.Load() == measuring {
			s.latency = append(s.latency, time.Since(start))
			s.first = append(s.first, a.Sub(start))
		}
	}
	if c != nil {
		_ = c.conn.Close()
	}
}

// client is one connection of the load generator: an HTTP/1.1 client that knows
// just what the targets answer.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte
}

func dial(addr string, buffer int) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, buffer), buf: make([]byte, buffer)}, nil
}

// do sends one request, reads the whole answer and returns when its first body
// byte came. onChunks is told of "data: " lines as they arrive.
func (c *client) do(request []byte, onChunks func(int64)) (first time.Time, err error) {
	length, chunked, err := c.begin(request)
	if err != nil {
		return first, err
	}
	take := func(n int64) error {
		for n > 0 {
			part := c.buf[:min(n, int64(len(c.buf)))]
			if _, err := io.ReadFull(c.r, part); err != nil {
				return err
			}
			if first.IsZero() {
				first = time.Now()
			}
			onChunks(int64(bytes.Count(part, []byte("data: {"))))
			n -= int64(len(part))
		}
		return nil
	}
	if !chunked {
		return first, take(length)
	}
	for {
		n, err := c.chunkSize()
		if err != nil {
			return first, err
		}
		if err := take(n); err != nil {
			return first, err
		}
		if _, err := c.r.Discard(2); err != nil {
			return first, err
		}
		if n == 0 {
			return first, nil
		}
	}
}

func (c *client) chunkSize() (int64, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
}

// begin sends the request and reads status and headers.
func (c *client) begin(request []byte) (length int64, chunked bool, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, false, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, false, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return 0, false, fmt.Errorf("answer %q", bytes.TrimSpace(line))
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return length, chunked, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil {
				return 0, false, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
}
