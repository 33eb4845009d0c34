package session

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Stream is the host's end of the RPC; the client stream that gRPC returns is
// one. Its messages must travel with gRPC's codec for protobuf.
type Stream interface {
	Context() context.Context
	SendMsg(message any) error
	RecvMsg(message any) error
	CloseSend() error
}

// Client is the host's side of a session. Only [NewClient] makes one. It is safe
// for concurrent use.
type Client struct{ done chan struct{} }

// NewClient begins a session on stream. The session ends with the stream, cancel
// ends the stream: it must cancel the context with which the stream was opened.
// maxResponse bounds the answer to a call and an event, in bytes of the message
// that would carry it as an RPC of its own; it is asked for each of them.
func NewClient(stream Stream, cancel context.CancelFunc, maxResponse func() int64) *Client {
	return &Client{done: make(chan struct{})}
}

// Call calls an operation of mode "call". The error is the status that the RPC
// Call would have ended with. req.Body is not read after Call returned.
func (c *Client) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	return nil, status.Error(codes.Unimplemented, "sessions are not there yet")
}

// Stream calls an operation of mode "stream". It returns when the request is on
// its way, without waiting for the first event; req.Body is not read after that.
// Errors of the stream are statuses as the RPC Stream would have ended with, or
// [*provider.Error] values.
func (c *Client) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	return nil, status.Error(codes.Unimplemented, "sessions are not there yet")
}

// Done is closed when the session has ended and no call of it runs.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the session ended, nil before that and after an orderly end.
func (c *Client) Err() error { return nil }

// Close lets the calls that run finish and then ends the session; calls made
// later fail. It returns at once: [Client.Done] tells of the end.
func (c *Client) Close() {}
