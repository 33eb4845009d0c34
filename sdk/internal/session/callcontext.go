package session

import (
	"context"
	"slices"
	"sync"
)

// callContext is the context of a call in the plugin. Its handler can end it, so
// that a limit that the handler sets needs no context of its own below this one.
type callContext struct {
	// Context is one of package context: those below it learn why it ended.
	context.Context
	cancel context.CancelCauseFunc
	timed  bool // it can end by itself

	mu    sync.Mutex
	ended bool
	first afterEnd // has a function if it has a context
	after []*afterEnd
}

// afterEnd is a function that waits for the end of a context.
type afterEnd struct {
	ctx *callContext
	f   func() // nil once it was called or stopped
}

// End ends the context with a cause.
func (c *callContext) End(cause error) {
	c.cancel(cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	c.first.start()
	for _, a := range c.after {
		a.start()
	}
	c.after = nil
}

// AfterFunc is what [context.AfterFunc] does, which would make a further context
// for it: an author whose request is closed at the end of the call needs none.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	if c.timed {
		return context.AfterFunc(c.Context, f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &c.first
	if a.ctx != nil {
		a = new(afterEnd)
		c.after = append(c.after, a)
	}
	*a = afterEnd{c, f}
	if c.ended {
		a.start()
	}
	return a.stop
}

// start calls the function if it waits. The context's mutex must be held.
func (a *afterEnd) start() {
	if a.f != nil {
		go a.f()
		a.f = nil
	}
}

// stop reports whether it kept the function from being called.
func (a *afterEnd) stop() bool {
	c := a.ctx
	c.mu.Lock()
	defer c.mu.Unlock()
	waited := a.f != nil
	a.f = nil
	if i := slices.Index(c.after, a); i >= 0 {
		c.after = slices.Delete(c.after, i, i+1)
	}
	return waited
}
