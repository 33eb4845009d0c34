package endpoint

import (
	"context"
	"time"

	"github.com/backplane-dev/backplane/host/internal/stats"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// run is one request on its way through the chain. Until the commit point it is
// used by one goroutine.
type run struct {
	e        *Endpoint
	set      *settings
	op       provider.Operation
	mode     provider.Mode
	how      How
	req      *provider.Request // the caller's; not changed
	upload   *upload           // of a transfer, nil if it has none
	counters *stats.Counters
	seq      uint64

	caller   context.Context
	ctx      context.Context // ends with the caller's, or when the timeout passes
	cancel   context.CancelCauseFunc
	timer    *time.Timer // of the timeout; nil if there is none
	start    time.Time
	deadline time.Time // the earlier of timeout and the caller's; zero if none

	report     status.Report
	last       *provider.Error // of the latest attempt that is to be repeated
	lastEnd    time.Time
	notBefore  time.Time // own Retry-After, where the gate does not see to it
	pausing    bool      // between two attempts
	firstToken time.Duration
}

// begin makes the run of a request that arrives now.
func (e *Endpoint) begin(ctx context.Context, req *provider.Request, mode provider.Mode, how How) *run {
	now := time.Now()
	set := e.settings.Load()
	r := &run{
		e: e, set: set, mode: mode, how: how, req: req, counters: e.stats.Begin(now),
		caller: ctx, start: now, lastEnd: now,
	}
	r.report = status.Report{RequestID: req.RequestID, Endpoint: e.id, Provider: e.provider, Model: req.Model}
	if r.report.Model == "" {
		r.report.Model = set.model
	}
	if d, ok := ctx.Deadline(); ok {
		r.deadline = d
	}
	if t := set.policy.Timeout; t > 0 {
		if end := now.Add(t); r.deadline.IsZero() || end.Before(r.deadline) {
			r.deadline = end
		}
	}
	return r
}

// bytes is the memory that the request's body and upload take while it waits.
func (r *run) bytes() int64 {
	n := int64(len(r.req.Body))
	if r.upload != nil {
		n += r.upload.held
	}
	return n
}

// do takes a request through the chain: admission (open endpoint, declared
// operation and mode, a key), then the retry loop around [queue slot, breaker
// permit, attempt deadline, backend call], then the stats; the slot is free
// while the loop pauses.
//
// It returns nil once call has succeeded. Then the request is over, unless call
// has left it to a [tail].
func (e *Endpoint) do(r *run, call func(*attempt) *provider.Error) *provider.Error {
	if err := e.admit(r); err != nil {
		return r.finish(err, nil)
	}
	r.seq = e.queue.Number()
	r.ctx, r.cancel = context.WithCancelCause(r.caller)
	r.startTimer()
	r.set.retry.Begin()

	pause := pauseContext{Context: r.ctx, closing: e.closing}
	err := r.set.retry.Run(&pause, func(number int) (bool, error) {
		pause.over()
		if repeat, err := r.try(number, call); err != nil {
			return repeat, err
		}
		return false, nil // not err, which would be a typed nil
	})
	pause.over()
	if err == nil {
		return nil
	}
	if r.pausing { // the pause was cut short
		r.set.retry.Refund(r.last)
		err = r.interrupted()
	}
	return r.finish(provider.AsError(err), nil)
}
