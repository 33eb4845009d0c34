package host

import (
	"context"
	"sync"

	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Call answers an operation of mode "call". Request.Endpoint chooses the
// endpoint; if it is empty, Request.Model is looked up in the routes. Body,
// operation and, if wanted, RequestID and Credential are the caller's; the host
// sets the rest. The endpoint's timeout can be shortened with ctx's deadline;
// [WithCaller] says who asks.
//
// The request waits in the endpoint's queue, passes its circuit breaker and is
// retried by its policy. Where a route has several endpoints, its rule chooses
// the first, and the next one is tried when one refuses or fails in passing; the
// time spent at one counts against the timeout of the next. An endpoint that
// hedges sends a second attempt when the first is slow. The error is a
// [*provider.Error]. When ctx ends, the call to the service is cancelled.
//
// Request.Body must not be changed, not even later: an attempt that was cut short
// may still be reading it.
func (h *Host) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	resp, _, err := h.call(ctx, req)
	return resp, err
}

// Stream answers an operation of mode "stream". It returns once the service has
// sent its first chunk: until then attempts are repeated by the endpoint's
// policy, hedged, and other endpoints tried, as with [Host.Call]; afterwards an
// error ends the stream. The caller must read the stream to its end or close it.
func (h *Host) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	stream, _, err := h.stream(ctx, req)
	return stream, err
}

// Transfer answers an operation of mode "transfer". It returns once the answer
// begins; the caller must close its body. An upload of known length that can be
// read at any place, such as a [bytes.Reader], is sent again by the endpoint's
// policy, and to other endpoints of the route; any other only if nothing of it was
// read. It may be read until the answer's body is closed, and a Read under way is
// not waited for.
func (h *Host) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	resp, _, err := h.transfer(ctx, req)
	return resp, err
}

func (h *Host) call(ctx context.Context, req *provider.Request) (*provider.Response, status.Report, error) {
	j := calls.Get().(*journey[*provider.Response])
	j.mode, j.req, j.try, j.drop, j.bind = provider.ModeCall, req, (*endpoint.Endpoint).Call, dropAnswer, bindAnswer
	answer, report, err := j.run(ctx, h.state.Load())
	if err == nil && report.Attempts <= 1 { // else an attempt that was cut short may still be reading its request
		*j = journey[*provider.Response]{}
		calls.Put(j)
	}
	return answer, report, err
}

// calls are journeys that are over, to be used again.
var calls = sync.Pool{New: func() any { return new(journey[*provider.Response]) }}

// A whole answer is over when it is there.
func dropAnswer(*provider.Response) {}

func bindAnswer(resp *provider.Response, release func()) *provider.Response {
	release()
	return resp
}

func (h *Host) stream(ctx context.Context, req *provider.Request) (provider.EventStream, status.Report, error) {
	j := journey[provider.EventStream]{mode: provider.ModeStream, req: req,
		try: (*endpoint.Endpoint).Stream, drop: provider.EventStream.Close, bind: bindStream,
	}
	return j.run(ctx, h.state.Load())
}

func (h *Host) transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, status.Report, error) {
	j := journey[*provider.TransferResponse]{mode: provider.ModeTransfer, req: &req.Request, upload: endpoint.NewUpload(req),
		try: func(ep *endpoint.Endpoint, ctx context.Context, r *provider.Request, how endpoint.How) (*provider.TransferResponse, status.Report, error) {
			transfer := *req
			transfer.Request = *r
			return ep.Transfer(ctx, &transfer, how)
		},
	}
	return j.run(ctx, h.state.Load())
}

// bound is a stream that frees its context when it is over.
type bound struct {
	provider.EventStream
	release func()
}

func bindStream(s provider.EventStream, release func()) provider.EventStream {
	return &bound{s, release}
}

// Next implements [provider.EventStream].
func (b *bound) Next() (provider.Event, error) {
	ev, err := b.EventStream.Next()
	if err != nil || ev.Kind == provider.EventFinished {
		b.release()
	}
	return ev, err
}

// Close implements [provider.EventStream].
func (b *bound) Close() {
	b.EventStream.Close()
	b.release()
}
