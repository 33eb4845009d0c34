package session

import (
	"context"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// ServerStream is the plugin's end of the RPC; the server stream that gRPC hands
// to the method is one.
type ServerStream interface {
	Context() context.Context
	SendMsg(message any) error
	RecvMsg(message any) error
}

// Handler answers the calls of a session. Its methods run side by side, each on a
// goroutine of its own. Errors are gRPC statuses.
type Handler interface {
	// Call answers an operation of mode "call".
	Call(ctx context.Context, req *provider.Request) (*provider.Response, error)
	// Stream answers an operation of mode "stream". send may be used until
	// Stream returns, by one goroutine at a time. It copies what it needs of an
	// event, waits while the reader is behind, and fails when the call has ended.
	Stream(ctx context.Context, req *provider.Request, send func(provider.Event) error) error
}

// Serve answers the calls of a session until the host has no more, or until the
// stream breaks. It returns when all calls have ended: nil or the status to end
// the RPC with. maxRequest bounds a request, in bytes of the message that would
// carry it as an RPC of its own.
func Serve(stream ServerStream, h Handler, maxRequest int64) error { return nil }
