package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTheWaitForTheAnswerIsBounded(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"a small request": 0, "a large one": 20 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, conns := service(t)
			x, r := &Exchange{FirstByte: 10 * time.Millisecond}, request()
			r.Body = make([]byte, size)
			done := make(chan error, 1)
			go func() { done <- x.Do(t.Context(), pool, r) }()
			c := accept(t, conns)
			// The request is read whole. After that the bound counts.
			if _, err := io.ReadFull(c, make([]byte, len(r.Head)+size)); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) || x.Unsent() || x.Cause() != nil {
				t.Errorf("got %v", err)
			}
			gone(t, c)
		})
	}
}

func TestASilentBodyEndsTheExchange(t *testing.T) {
	t.Parallel()
	pool, conns := service(t)
	x := &Exchange{Idle: 20 * time.Millisecond}
	done := make(chan error, 1)
	go func() { done <- x.Do(t.Context(), pool, request()) }()
	c := accept(t, conns)
	answer(t, c, "HTTP/1.1 200 OK\r\n\r\n")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := x.Read(make([]byte, 10)); err == nil || !errors.Is(x.Cause(), ErrIdle) {
		t.Errorf("got %v, cause %v", err, x.Cause())
	}
	gone(t, c)
}

// The bound of an earlier body must not be taken for one that still holds, when
// the wait for a later answer has moved it.
func TestASilentBodyEndsTheExchangeOnAConnectionThatIsUsedAgain(t *testing.T) {
	t.Parallel()
	pool, conns := service(t)
	first := &Exchange{Idle: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- first.Do(t.Context(), pool, request()) }()
	c := accept(t, conns)
	answer(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "ok"); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(first); err != nil || string(body) != "ok" {
		t.Fatalf("got %q, %v", body, err)
	}
	x := &Exchange{Idle: 20 * time.Millisecond, FirstByte: time.Hour}
	go func() { done <- x.Do(t.Context(), pool, request()) }()
	answer(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := x.conn.bound; time.Until(got) < 50*time.Minute {
		t.Errorf("the bound is taken to be in %v", time.Until(got))
	}
	if _, err := x.Read(make([]byte, 10)); err == nil || !errors.Is(x.Cause(), ErrIdle) {
		t.Errorf("got %v, cause %v", err, x.Cause())
	}
	gone(t, c)
}

func TestARequestThatBreaksOffIsAnErrorAndWasSent(t *testing.T) {
	t.Parallel()
	pool, conns := service(t)
	r := request()
	r.Body = make([]byte, 20<<20)
	x, done := start(t.Context(), pool, r)
	c := accept(t, conns)
	answer(t, c, "") // reads the head only
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || x.Unsent() || !x.Connected() {
		t.Errorf("got %v, unsent %t", err, x.Unsent())
	}
}

func TestAConnectionThatBreaksBeforeTheRequestHasSentNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(net.Conn) net.Conn{
		"one that can be asked":    func(c net.Conn) net.Conn { return c },
		"one that cannot be asked": func(c net.Conn) net.Conn { return struct{ net.Conn }{c} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, conns := service(t)
			dial := pool.Dial
			pool.Dial = func(ctx context.Context) (net.Conn, error) {
				c, err := dial(ctx)
				if err != nil {
					return nil, err
				}
				return change(c), c.(*net.TCPConn).CloseWrite()
			}
			x, done := start(t.Context(), pool, request())
			c := accept(t, conns)
			_ = c.Close() // ends the read of a connection that is not asked
			if err := <-done; err == nil || !x.Unsent() || !x.Connected() {
				t.Errorf("got %v, unsent %t", err, x.Unsent())
			}
		})
	}
}

func TestWithoutAConnectionNothingWasSent(t *testing.T) {
	t.Parallel()
	refused := errors.New("no way")
	pool := &Pool{MaxIdle: 1, IdleLife: time.Minute, Dial: func(context.Context) (net.Conn, error) { return nil, refused }}
	freed := 0
	r := request()
	r.Free = func() { freed++ }
	x := new(Exchange)
	if err := x.Do(t.Context(), pool, r); !errors.Is(err, refused) || !x.Unsent() || x.Connected() || freed != 1 {
		t.Errorf("got %v, unsent %t, connected %t; the head was given back %d times", err, x.Unsent(), x.Connected(), freed)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(Exchange).Do(ended, pool, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDrainWaitsForTheEndAndNoLonger(t *testing.T) {
	t.Parallel()
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, tt := range map[string]struct {
		rest string
		kept int
	}{
		"the end":   {"0\r\n\r\n", 1},
		"too much":  {"400\r\n" + strings.Repeat("x", 0x400) + "\r\n0\r\n\r\n", 0},
		"nothing":   {"", 0},
		"a failure": {"nonsense", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, conns := service(t)
			x, done := start(t.Context(), pool, request())
			answer(t, accept(t, conns), chunks+tt.rest)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			limit := 10 * time.Second
			if tt.rest == "" {
				limit = time.Millisecond
			}
			x.Drain(limit, 100)
			x.End(nil)
			if got := idle(pool); got != tt.kept {
				t.Errorf("%d connections are kept, want %d", got, tt.kept)
			}
		})
	}
}
