package ends

import (
	"context"
	"time"
)

// Context is a request's context. It ends with [Signal.End], as one that was
// cancelled. Only Begin makes one; it must not be copied.
type Context struct {
	Signal
	values context.Context
}

// Begin makes the context, which has the values of another one. That one must not
// end.
func (c *Context) Begin(values context.Context) { c.values = values }

// Deadline implements [context.Context].
func (c *Context) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements [context.Context].
func (c *Context) Err() error {
	if c.Ended() {
		return context.Canceled
	}
	return nil
}

// Value implements [context.Context].
func (c *Context) Value(key any) any { return c.values.Value(key) }

// Of returns the Context with which ctx ends, and not sooner: ctx itself, or what
// it says that it ends with. It is nil if there is none.
func Of(ctx context.Context) *Context {
	for {
		switch c := ctx.(type) {
		case *Context:
			return c
		case interface{ EndsWith() context.Context }:
			ctx = c.EndsWith()
		default:
			return nil
		}
	}
}
