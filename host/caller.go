package host

import (
	"context"

	"github.com/backplane-dev/backplane/host/internal/caller"
)

// Caller is who asks, for programs that embed the host. Requests over HTTP have a
// caller by themselves, from server.tenant_by and server.priority_header; what a
// program has put into a request's context stands above it.
type Caller struct {
	// Tenant is whose share of an endpoint's queue the request takes; "" is a
	// tenant like any other. It is shown in recent requests and on the command
	// line, so it must not be a key.
	Tenant string
	// Priority of the request in an endpoint's queue.
	Priority Priority
	// Header finds the headers that sticky routes look at; an [net/http.Header] is
	// one. nil for none.
	Header interface{ Get(name string) string }
}

// Priority orders the requests in a queue. The zero Priority is normal.
type Priority = caller.Priority

// The priorities.
const (
	PriorityLow    = caller.Low
	PriorityNormal = caller.Normal
	PriorityHigh   = caller.High
)

// WithCaller returns a context that says who asks. Requests that are made with it
// have the caller's place in queues and follow sticky routes.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return caller.With(ctx, &caller.Caller{Tenant: c.Tenant, Priority: c.Priority, Header: c.Header})
}
