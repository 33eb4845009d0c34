package provider

import (
	"context"
	"time"
)

type connectKey struct{}

// WithConnectTimeout returns a context that asks who connects to a service to
// give up after d. The SDK calls it for each call that carries a
// [Request.ConnectTimeout], and package rest keeps to it.
func WithConnectTimeout(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, connectKey{}, d)
}

// ConnectTimeout returns the time that ctx allows for making a connection to the
// service, name resolution and TLS included; 0 if it says nothing.
func ConnectTimeout(ctx context.Context) time.Duration {
	d, _ := ctx.Value(connectKey{}).(time.Duration)
	return d
}
