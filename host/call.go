package host

import (
	"context"
	"errors"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Call answers an operation of mode "call". Request.Endpoint chooses the
// endpoint; if it is empty, Request.Model is looked up in the routes. Body,
// operation and, if wanted, RequestID and Credential are the caller's; the host
// sets the rest. The endpoint's timeout can be shortened with ctx's deadline.
//
// The request waits in the endpoint's queue, passes its circuit breaker and is
// retried by its policy; where a route has several endpoints, the next one is
// tried when one refuses or fails in passing. The error is a [*provider.Error].
// When ctx ends, the call to the service is cancelled.
func (h *Host) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	resp, _, err := h.call(ctx, req)
	return resp, err
}

// Stream answers an operation of mode "stream". It returns once the service has
// sent its first chunk: until then attempts are repeated by the endpoint's
// policy, afterwards an error ends the stream. The caller must read the stream
// to its end or close it.
func (h *Host) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	stream, _, err := h.stream(ctx, req)
	return stream, err
}

// Transfer answers an operation of mode "transfer". It returns once the answer
// begins; the caller must close its body. An upload of known length that can be
// read at any place, such as a [bytes.Reader], is sent again by the endpoint's
// policy; any other only if nothing of it was read. It may be read until the
// answer's body is closed, and a Read under way is not waited for.
func (h *Host) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	resp, _, err := h.transfer(ctx, req)
	return resp, err
}

func (h *Host) call(ctx context.Context, req *provider.Request) (*provider.Response, status.Report, error) {
	return attempt(ctx, h, provider.ModeCall, req, func(ep *endpoint.Endpoint, req *provider.Request) (*provider.Response, status.Report, error) {
		return ep.Call(ctx, req, endpoint.How{})
	})
}

func (h *Host) stream(ctx context.Context, req *provider.Request) (provider.EventStream, status.Report, error) {
	return attempt(ctx, h, provider.ModeStream, req, func(ep *endpoint.Endpoint, req *provider.Request) (provider.EventStream, status.Report, error) {
		return ep.Stream(ctx, req, endpoint.How{})
	})
}

func (h *Host) transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, status.Report, error) {
	return attempt(ctx, h, provider.ModeTransfer, &req.Request, func(ep *endpoint.Endpoint, r *provider.Request) (*provider.TransferResponse, status.Report, error) {
		transfer := *req
		transfer.Request = *r
		return ep.Transfer(ctx, &transfer, endpoint.How{})
	})
}

// attempt routes the request and tries the targets in order until one answers
// or fails in a way that another endpoint would not mend.
func attempt[T any](ctx context.Context, h *Host, mode provider.Mode, req *provider.Request, try func(*endpoint.Endpoint, *provider.Request) (T, status.Report, error)) (T, status.Report, error) {
	var none T
	state := h.state.Load()
	if req.RequestID == "" {
		withID := *req
		withID.RequestID = api.NewRequestID()
		req = &withID
	}
	report := status.Report{RequestID: req.RequestID}
	targets, err := state.table.Resolve(req.Endpoint, req.Model)
	if err != nil {
		return none, report, err
	}
	err = &provider.Error{Code: provider.CodeNotFound, Source: provider.SourceHost, Param: "model",
		Message: "the route has no endpoint left"}
	for _, target := range targets {
		e, ok := state.endpoints[target.Endpoint]
		if !ok {
			continue
		}
		routed := *req
		routed.Endpoint, routed.Model = target.Endpoint, target.Model
		if routed.Model == "" {
			routed.Model = e.manifest.DefaultModel(req.Operation)
		}
		routed.Header = forwarded(req.Header, e.manifest.ForwardHeaders)
		var answer T
		var r status.Report
		if refused := e.unavailable(); refused != nil {
			err, r = refused, status.Report{Endpoint: target.Endpoint, Provider: e.config.Provider}
		} else {
			answer, r, err = try(e.endpoint, &routed)
		}
		report = merge(report, r)
		if err == nil {
			return answer, report, nil
		}
		op, _ := e.manifest.Operation(req.Operation)
		if ctx.Err() != nil || !mayMoveOn(err, op, mode, r.Attempts) {
			break
		}
	}
	return none, report, err
}

// forwarded keeps the headers that the plugin asked for.
func forwarded(headers map[string]string, names []string) map[string]string {
	if len(headers) == 0 {
		return nil
	}
	kept := make(map[string]string, len(names))
	for _, name := range names {
		if value, ok := headers[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// mayMoveOn reports whether another endpoint of the route may be tried after
// err. What must not be sent twice, an unsafe operation or an upload that may
// have been read, moves on only if no attempt was made.
func mayMoveOn(err error, op provider.Operation, mode provider.Mode, attempts int) bool {
	var failure *provider.Error
	if !errors.As(err, &failure) {
		return false
	}
	if attempts > 0 && (op.Unsafe || mode == provider.ModeTransfer) {
		return false
	}
	switch failure.Code {
	case provider.CodeQueueFull, provider.CodeCircuitOpen, provider.CodeShutdown:
		return true
	default:
		return failure.IsTransient()
	}
}

// merge adds the story of one endpoint to that of the request.
func merge(all, one status.Report) status.Report {
	one.Attempts += all.Attempts
	one.QueueWait += all.QueueWait
	one.Backoff += all.Backoff
	one.ProviderTime += all.ProviderTime
	one.Total += all.Total
	if one.RequestID == "" {
		one.RequestID = all.RequestID
	}
	return one
}
