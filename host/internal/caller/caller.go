// Package caller carries who asks, from the front door to the policies that
// order and route by it.
package caller

import (
	"context"
	"strings"
)

// Caller is what the host knows of a request's caller. It must not be changed
// once it is in a context.
type Caller struct {
	// Tenant is whose share of a queue the request takes; "" is a tenant like any
	// other. It is shown to operators, so it is never a key itself.
	Tenant string
	// Priority of the request in its queue.
	Priority Priority
	// Header finds the caller's headers; nil if there are none. [net/http.Header]
	// is one. It is read only while the host decides where the request goes.
	Header Header
}

// Header finds the first value of a header, "" if there is none. The name may
// be written in any case.
type Header interface {
	Get(name string) string
}

// HeaderValue returns the first value of a header, "" if there is none.
func (c *Caller) HeaderValue(name string) string {
	if c.Header == nil || name == "" {
		return ""
	}
	return c.Header.Get(name)
}

// Priority orders requests in a queue: a higher one is served first. The zero
// Priority is normal.
type Priority int8

// The priorities.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

// String returns the priority as callers write it.
func (p Priority) String() string {
	switch {
	case p < Normal:
		return "low"
	case p > Normal:
		return "high"
	default:
		return "normal"
	}
}

// ParsePriority reads a priority in any case; "" is normal. ok is false for
// other words.
func ParsePriority(text string) (p Priority, ok bool) {
	switch {
	case text == "" || strings.EqualFold(text, "normal"):
		return Normal, true
	case strings.EqualFold(text, "high"):
		return High, true
	case strings.EqualFold(text, "low"):
		return Low, true
	default:
		return Normal, false
	}
}

type key struct{}

// Context is a context that carries a caller. As a part of a larger value it
// costs no allocation of its own.
type Context struct {
	context.Context
	Caller Caller
}

// Value implements [context.Context].
func (c *Context) Value(k any) any {
	if k == (key{}) {
		return &c.Caller
	}
	return c.Context.Value(k)
}

// EndsWith says when the context ends; see package ends.
func (c *Context) EndsWith() context.Context { return c.Context }

// AfterFunc lets derived contexts hang on this one without a goroutine each.
func (c *Context) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(c.Context, f) }

// With returns a context that carries c.
func With(ctx context.Context, c *Caller) context.Context {
	return &Context{Context: ctx, Caller: *c}
}

var nobody = new(Caller)

// From returns the caller that ctx carries, never nil.
func From(ctx context.Context) *Caller {
	if c, ok := ctx.Value(key{}).(*Caller); ok {
		return c
	}
	return nobody
}

// Known reports whether ctx carries a caller.
func Known(ctx context.Context) bool { return From(ctx) != nobody }
