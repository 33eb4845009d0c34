// Package caller carries who asks, from the front door to the policies that
// order and route by it.
package caller

import "context"

// Caller is what the host knows of a request's caller. It must not be changed
// once it is in a context.
type Caller struct {
	// Tenant is whose share of a queue the request takes; "" is a tenant like any
	// other. It is shown to operators, so it is never a key itself.
	Tenant string
	// Priority of the request in its queue.
	Priority Priority
	// Header returns the first value of a header of the caller, "" if there is
	// none. nil if there are no headers at all.
	Header func(name string) string
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

// ParsePriority reads a priority; "" is normal. ok is false for other words.
func ParsePriority(text string) (p Priority, ok bool) {
	switch text {
	case "", "normal":
		return Normal, true
	case "high":
		return High, true
	case "low":
		return Low, true
	default:
		return Normal, false
	}
}

type key struct{}

// With returns a context that carries c.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, key{}, c)
}

var nobody = new(Caller)

// From returns the caller that ctx carries, never nil.
func From(ctx context.Context) *Caller {
	if c, ok := ctx.Value(key{}).(*Caller); ok {
		return c
	}
	return nobody
}

// HeaderValue returns the first value of a header, "" if there is none.
func (c *Caller) HeaderValue(name string) string {
	if c.Header == nil || name == "" {
		return ""
	}
	return c.Header(name)
}
