package provider

import (
	"context"
	"time"
)

// connecting is a context that carries a connect timeout. Every call has one, so
// it is a type of its own, which costs less than a [context.WithValue].
type connecting struct {
	context.Context
	limit time.Duration
}

type connectKey struct{}

// Value implements [context.Context].
func (c *connecting) Value(key any) any {
	if key == (connectKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// WithConnectTimeout returns a context that asks who connects to a service to
// give up after d. The SDK calls it for each call that carries a
// [Request.ConnectTimeout], and package rest keeps to it.
func WithConnectTimeout(ctx context.Context, d time.Duration) context.Context {
	return &connecting{ctx, d}
}

// ConnectTimeout returns the time that ctx allows for making a connection to the
// service, name resolution and TLS included; 0 if it says nothing.
func ConnectTimeout(ctx context.Context) time.Duration {
	c, ok := ctx.Value(connectKey{}).(*connecting)
	if !ok {
		return 0
	}
	return c.limit
}
