package host

import (
	"context"
	"slices"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/balance"
	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// journey is a request on its way through the endpoints of its route, up to the
// beginning of its answer. It is used by one goroutine.
type journey[T any] struct {
	mode   provider.Mode
	req    *provider.Request // the caller's; not changed
	upload *endpoint.Upload  // of a transfer, nil if it has none

	// How the mode is served: try asks an endpoint, drop gives up an answer, and
	// bind has release called when the answer is over. Transfers are not hedged,
	// and have only try.
	try  func(ep *endpoint.Endpoint, ctx context.Context, req *provider.Request, how endpoint.How) (T, status.Report, error)
	drop func(T)
	bind func(answer T, release func()) T

	// What most requests need, in the memory of the journey: a short list of legs,
	// and the request for the first of them.
	room   room
	routed provider.Request
	used   bool // routed is taken

	report status.Report
	tries  []status.Try // the story, once there is more than one endpoint in it
}

// run finds the endpoints and tries them one after the other: the one that the
// route's rule puts first, then, each time that one refuses or fails in passing,
// the next that takes the request now. It ends with the first answer, with a
// failure that no other endpoint would mend, or when no endpoint has time left.
func (j *journey[T]) run(ctx context.Context, s *state) (T, status.Report, error) {
	var none T
	if j.req.RequestID == "" {
		withID := *j.req
		withID.RequestID = api.NewRequestID()
		j.req = &withID
	}
	j.report.RequestID = j.req.RequestID
	legs, err := s.legs(ctx, j.req, &j.room)
	if err != nil {
		return none, j.report, err
	}
	var failed error
	for {
		i := balance.Next(legs)
		l := legs[i]
		legs = slices.Delete(legs, i, i+1)
		j.goOn(l)
		answer, r, err := j.visit(ctx, l, legs)
		if err == nil {
			j.req, j.routed.Body = nil, nil // a stream can hold the journey for hours
			j.arrive(r)
			return answer, j.report, nil
		}
		op, _ := l.manifest.Operation(j.req.Operation)
		onward := ctx.Err() == nil && mayMoveOn(err, op, r.Attempts, j.upload.Spent())
		failed = j.fail(r, failed, err)
		legs = slices.DeleteFunc(legs, j.late)
		if !onward || len(legs) == 0 {
			return none, j.report, failed
		}
	}
}

// visit asks one endpoint. rest are those that could be asked in its place.
func (j *journey[T]) visit(ctx context.Context, l leg, rest []leg) (T, status.Report, error) {
	if refused := l.unavailable(); refused != nil {
		var none T
		return none, status.Report{Endpoint: l.config.ID, Provider: l.config.Provider, Model: l.model}, refused
	}
	how := endpoint.How{Elapsed: j.report.Total, Elsewhere: slices.ContainsFunc(rest, leg.Available), Upload: j.upload}
	if j.mayHedge(l) {
		return j.race(ctx, l, rest, how)
	}
	return j.try(l.endpoint, ctx, j.request(l), how)
}

// request is the request for a leg. Each is its own, since an attempt that was cut
// short may still be reading it.
func (j *journey[T]) request(l leg) *provider.Request {
	if j.used {
		return l.request(new(provider.Request), j.req)
	}
	j.used = true
	return l.request(&j.routed, j.req)
}

// late reports whether the request has no time left for a leg: an endpoint's
// timeout bounds the whole request, wherever it was before.
func (j *journey[T]) late(l leg) bool {
	timeout := l.config.Policy.Timeout
	return timeout > 0 && j.report.Total >= timeout
}

// mayMoveOn reports whether another endpoint of the route may be tried after
// err. attempts is the number of calls that were made, spent whether the upload
// is used up: then the request moves on only if none was made. So does an unsafe
// operation, which must not be done twice, unless the plugin vouches that nothing
// was sent.
//
// A refusal moves on whatever its reason, since it was the endpoint's own: its
// circuit, its queue, its key. Of failures those do that may pass, and quota,
// which another endpoint's key may have left.
func mayMoveOn(err error, op provider.Operation, attempts int, spent bool) bool {
	failure := provider.AsError(err)
	switch {
	case failure.Code == provider.CodeCanceled:
		return false
	case attempts == 0:
		return failure.Source == provider.SourceHost
	case spent, op.Unsafe && !unsent(failure):
		return false
	}
	switch failure.Code {
	case provider.CodeQueueFull, provider.CodeCircuitOpen, provider.CodeShutdown, provider.CodeQuota:
		return true
	default:
		return failure.IsTransient()
	}
}

// unsent reports whether the plugin vouches that the service got nothing; see
// [provider.Error.Retry].
func unsent(e *provider.Error) bool {
	return e.Code == provider.CodeUnreachable && e.StatusCode == 0 && e.Retry == provider.RetryAlways
}
