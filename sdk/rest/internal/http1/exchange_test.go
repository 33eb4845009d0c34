package http1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// request is a small one.
func request() Request { return Request{Head: []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")} }

// answer reads the head of a request and writes the answer.
func answer(t *testing.T, c *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.ReadFull(c, make([]byte, len(request().Head))); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
}

// start begins an exchange.
func start(ctx context.Context, pool *Pool, r Request) (*Exchange, chan error) {
	x, done := new(Exchange), make(chan error, 1)
	go func() { done <- x.Do(ctx, pool, r) }()
	return x, done
}

// gone waits until the service sees that a connection was closed.
func gone(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
		t.Errorf("the connection was not closed: %v", err)
	}
}

func isReset(err error) bool { return strings.Contains(err.Error(), "reset") }

func TestAConnectionIsUsedAgainOnlyIfItIsAlive(t *testing.T) {
	t.Parallel()
	pool, conns := service(t)
	exchange := func(c *net.TCPConn, text string) {
		t.Helper()
		x, done := start(t.Context(), pool, request())
		if c == nil {
			c = accept(t, conns)
			conns <- c
		}
		answer(t, c, text)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(x); err != nil || string(body) != "ok" {
			t.Fatalf("got %q, %v", body, err)
		}
	}
	exchange(nil, okAnswer)
	first := accept(t, conns)
	exchange(first, okAnswer) // the same again
	if got := idle(pool); got != 1 {
		t.Fatalf("%d connections are idle, want 1", got)
	}
	pool.idle[0].setBound(time.Now().Add(-time.Minute)) // as an earlier answer may leave it
	exchange(first, okAnswer)
	// A word that nobody asked for, and a connection that is closed, are seen
	// before anything is sent.
	if _, err := io.WriteString(first, "HTTP/1.1 408 Request Timeout\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	waitDead(t, pool)
	exchange(nil, okAnswer)
	gone(t, first)
	second := accept(t, conns)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	waitDead(t, pool)
	exchange(nil, okAnswer+"more") // which is not kept
	third := accept(t, conns)
	gone(t, third)
	if got := idle(pool); got != 0 {
		t.Errorf("%d connections are idle, want none", got)
	}
}

// waitDead waits until the kernel knows about the idle connection what its
// service did.
func waitDead(t *testing.T, pool *Pool) {
	t.Helper()
	pool.mu.Lock()
	c := pool.idle[0]
	pool.mu.Unlock()
	for end := time.Now().Add(10 * time.Second); c.alive(); {
		if time.Now().After(end) {
			t.Fatal("the connection still looks alive")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAnEarlyAnswerIsHeardWhileTheRequestIsBeingSent(t *testing.T) {
	t.Parallel()
	for _, hangsUp := range []bool{false, true} {
		pool, conns := service(t)
		r := request()
		r.Body = make([]byte, 20<<20)
		x, done := start(t.Context(), pool, r)
		c := accept(t, conns)
		answer(t, c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		if hangsUp {
			_ = c.Close() // with most of the request unread: that is a reset
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(x)
		if err != nil || x.Status != http.StatusRequestEntityTooLarge || string(body) != "no" {
			t.Errorf("got %d, %q, %v", x.Status, body, err)
		}
		if !hangsUp {
			gone(t, c) // it cannot be used again
		}
	}
}

func TestALargeRequestArrivesWhole(t *testing.T) {
	t.Parallel()
	pool, conns := service(t)
	r := request()
	r.Body = bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	freed := make(chan struct{}, 2)
	r.Free = func() { freed <- struct{}{} }
	x, done := start(t.Context(), pool, r)
	c := accept(t, conns)
	got := make([]byte, len(r.Head)+len(r.Body))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, append(r.Head, r.Body...)) {
		t.Fatalf("the request was changed on its way: %v", err)
	}
	if _, err := io.WriteString(c, okAnswer); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(x); err != nil || string(body) != "ok" || x.Unsent() {
		t.Errorf("got %q, %v", body, err)
	}
	if idle(pool) != 1 || len(freed) != 1 {
		t.Errorf("%d connections are idle and the head was given back %d times", idle(pool), len(freed))
	}
}

func TestTheEndOfTheContextClosesTheConnection(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"} {
		pool, conns := service(t)
		ctx, cancel := context.WithCancel(t.Context())
		x, done := start(ctx, pool, request())
		c := accept(t, conns)
		answer(t, c, where)
		if strings.HasSuffix(where, "ab") {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			go func() {
				_, err := io.ReadAll(x)
				done <- err
			}()
		}
		cancel()
		gone(t, c)
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("after %q: got %v", where, err)
		}
		if idle(pool) != 0 {
			t.Errorf("after %q: the connection is kept", where)
		}
	}
}

func TestEndFromElsewhereEndsARead(t *testing.T) {
	t.Parallel()
	pool, conns := service(t)
	x, done := start(t.Context(), pool, request())
	c := accept(t, conns)
	answer(t, c, "HTTP/1.1 200 OK\r\n\r\nab")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	reason := errors.New("enough")
	go func() {
		x.End(reason)
		x.End(errors.New("another"))
	}()
	if _, err := io.ReadAll(x); err == nil {
		t.Error("the answer came to an end")
	}
	gone(t, c)
	if !errors.Is(x.Cause(), reason) {
		t.Errorf("got cause %v", x.Cause())
	}
}

func TestIdleConnectionsAreFewAndDoNotLiveForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var count atomic.Int32
		pool := &Pool{MaxIdle: 2, IdleLife: time.Minute}
		keep := func() {
			pool.put(&conn{Conn: closing{&count}, fast: new(descriptor)})
		}
		keep()
		time.Sleep(40 * time.Second)
		keep()
		keep() // one too many
		if closed := count.Load(); closed != 1 {
			t.Errorf("%d were closed, want the third", closed)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if closed := count.Load(); idle(pool) != 1 || closed != 2 {
			t.Errorf("%d are idle and %d closed, want the first to have expired", idle(pool), closed)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if closed := count.Load(); idle(pool) != 0 || closed != 3 {
			t.Errorf("%d are idle and %d closed, want all expired", idle(pool), closed)
		}
		keep()
		pool.Close()
		pool.Close()
		keep() // a call that ran while the pool was closed
		if closed := count.Load(); closed != 5 || idle(pool) != 0 {
			t.Errorf("%d are idle and %d closed after Close", idle(pool), closed)
		}
		pool.take() // another request
		keep()
		if idle(pool) != 1 {
			t.Error("a pool that is used again keeps nothing")
		}
		pool.Close()
	})
}

// closing counts how often it is closed.
type closing struct{ count *atomic.Int32 }

func (c closing) Close() error                     { c.count.Add(1); return nil }
func (closing) Read([]byte) (int, error)           { return 0, io.EOF }
func (closing) Write([]byte) (int, error)          { return 0, io.EOF }
func (closing) LocalAddr() net.Addr                { return nil }
func (closing) RemoteAddr() net.Addr               { return nil }
func (closing) SetDeadline(time.Time) error        { return nil }
func (closing) SetReadDeadline(_ time.Time) error  { return nil }
func (closing) SetWriteDeadline(_ time.Time) error { return nil }
