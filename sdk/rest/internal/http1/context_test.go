package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// telling is a context that calls functions at its end itself.
type telling struct {
	context.Context
	mu    sync.Mutex
	after func()
	asked int
}

// AfterFunc is what package context looks for.
func (c *telling) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = f
	c.asked++
	return func() bool { return c.take() != nil }
}

// take returns the function that waits, nil if there is none, and forgets it.
func (c *telling) take() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.after
	c.after = nil
	return f
}

func TestAContextThatTellsOfItsEndNeedsNoOther(t *testing.T) {
	t.Parallel()
	pool, conns := service(t)
	ctx := &telling{Context: t.Context()}
	x, done := start(ctx, pool, request())
	c := accept(t, conns)
	answer(t, c, okAnswer)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(x); err != nil || string(body) != "ok" {
		t.Fatalf("got %q, %v", body, err)
	}
	if ctx.take() != nil || ctx.asked != 1 || idle(pool) != 1 {
		t.Errorf("the context was asked %d times, %d connections are idle", ctx.asked, idle(pool))
	}
	_, done = start(ctx, pool, request())
	answer(t, c, "HTTP/1.1 200 OK\r\n")
	ctx.take()()
	gone(t, c)
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
