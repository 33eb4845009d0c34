package managed

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// backend is what an endpoint knows of its server.
type backend interface {
	// acquire waits until the server can be called; release follows the call.
	acquire(ctx context.Context, limit time.Duration) (release func(), err error)
	status(ctx context.Context) Status
	logs(ctx context.Context, n int) ([]string, error)
	start(ctx context.Context) error
	stop(ctx context.Context) error
	// await waits until the server is ready, or has failed, or changed; it
	// reports whether there is more to wait for.
	await(ctx context.Context) (more bool, err error)
	Close() error
}

// endpoint makes the calls of another wait for its server. It has all raw
// interfaces; the manifest says which of them are used.
type endpoint struct {
	inner  provider.Endpoint
	id     string
	server backend
	// started is the model that the server is started with, where requests must
	// name it alias.
	started, alias string
}

// named is the request with the server's own name for its model.
func (e *endpoint) named(req *provider.Request) *provider.Request {
	if e.started == "" || req.Model != e.started {
		return req
	}
	own := *req
	own.Model = e.alias
	return &own
}

// chatEndpoint and vectorEndpoint are endpoints whose inner one is asked in
// typed forms, which the SDK prefers to the raw ones.
type (
	chatEndpoint   struct{ *endpoint }
	vectorEndpoint struct{ *endpoint }
)

// typed is the endpoint with those interfaces that the inner one has.
func (e *endpoint) typed() provider.Endpoint {
	if _, ok := e.inner.(provider.Chatter); ok {
		return chatEndpoint{e}
	}
	if _, ok := e.inner.(provider.Embedder); ok {
		return vectorEndpoint{e}
	}
	return e
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	var failed error
	if e.server != nil { // it may ask through the inner one
		failed = e.server.Close()
	}
	if c, ok := e.inner.(io.Closer); ok {
		failed = errors.Join(failed, c.Close())
	}
	return failed
}

// during runs a call of the inner endpoint while the server is there for it.
func during[T any](ctx context.Context, e *endpoint, req *provider.Request, f func() (T, error)) (T, error) {
	release, err := e.server.acquire(ctx, req.Timeout)
	if err != nil {
		var none T
		return none, err
	}
	defer release()
	return f()
}

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	if out, err, ours := e.operate(ctx, req); ours {
		return out, err
	}
	inner, ok := e.inner.(provider.Caller)
	switch {
	case !ok:
		return nil, provider.Unsupported(req.Operation, "")
	case req.Operation == opHealth: // asks, and starts nothing
		return inner.Call(ctx, req)
	}
	return during(ctx, e, req, func() (*provider.Response, error) { return inner.Call(ctx, e.named(req)) })
}

// Stream implements [provider.Streamer].
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	if req.Operation == OpStart || req.Operation == OpRestart {
		return e.follow(ctx, req, out)
	}
	inner, ok := e.inner.(provider.Streamer)
	if !ok {
		return provider.Finish{}, provider.Unsupported(req.Operation, "")
	}
	return during(ctx, e, req, func() (provider.Finish, error) { return inner.Stream(ctx, e.named(req), out) })
}

// Transfer implements [provider.Transferer].
func (e *endpoint) Transfer(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	inner, ok := e.inner.(provider.Transferer)
	if !ok {
		return provider.Finish{}, provider.Unsupported(req.Operation, "")
	}
	return during(ctx, e, &req.Request, func() (provider.Finish, error) { return inner.Transfer(ctx, req, out) })
}

// Test implements [provider.Tester].
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	inner, ok := e.inner.(provider.Tester)
	if !ok {
		return provider.Errorf(provider.CodeUnsupported, "this endpoint has no call to test it with")
	}
	_, err := during(ctx, e, req, func() (struct{}, error) { return struct{}{}, inner.Test(ctx, req) })
	return err
}

// Chat implements [provider.Chatter].
func (e chatEndpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	return during(ctx, e.endpoint, req.Call, func() (*provider.ChatResponse, error) {
		return e.inner.(provider.Chatter).Chat(ctx, req)
	})
}

// StreamChat implements [provider.ChatStreamer].
func (e chatEndpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	inner, ok := e.inner.(provider.ChatStreamer)
	if !ok {
		return provider.Finish{}, provider.Unsupported(req.Call.Operation, "")
	}
	return during(ctx, e.endpoint, req.Call, func() (provider.Finish, error) { return inner.StreamChat(ctx, req, out) })
}

// Embed implements [provider.Embedder].
func (e vectorEndpoint) Embed(ctx context.Context, req *provider.EmbeddingRequest) (*provider.EmbeddingResponse, error) {
	return during(ctx, e.endpoint, req.Call, func() (*provider.EmbeddingResponse, error) {
		return e.inner.(provider.Embedder).Embed(ctx, req)
	})
}

// Rerank implements [provider.Reranker].
func (e vectorEndpoint) Rerank(ctx context.Context, req *provider.RerankRequest) (*provider.RerankResponse, error) {
	inner, ok := e.inner.(provider.Reranker)
	if !ok {
		return nil, provider.Unsupported(req.Call.Operation, "")
	}
	return during(ctx, e.endpoint, req.Call, func() (*provider.RerankResponse, error) { return inner.Rerank(ctx, req) })
}

// ListModels implements [provider.ModelLister].
func (e vectorEndpoint) ListModels(ctx context.Context, req *provider.Request) (*provider.ModelList, error) {
	inner, ok := e.inner.(provider.ModelLister)
	if !ok {
		return nil, provider.Unsupported(req.Operation, "")
	}
	return during(ctx, e.endpoint, req, func() (*provider.ModelList, error) { return inner.ListModels(ctx, req) })
}

// health asks the inner endpoint whether its server is well.
func (e *endpoint) health(ctx context.Context) error {
	inner, ok := e.inner.(provider.Caller)
	if !ok {
		return provider.Unsupported(opHealth, "")
	}
	_, err := inner.Call(ctx, &provider.Request{Endpoint: e.id, Operation: opHealth, Attempt: 1})
	return err
}
