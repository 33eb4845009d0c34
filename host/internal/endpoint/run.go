package endpoint

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/internal/stats"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// run is one request on its way through the chain. Until the commit point it is
// used by one goroutine.
type run struct {
	e        *Endpoint
	set      *settings
	op       *provider.Operation
	mode     provider.Mode
	how      How
	req      *provider.Request         // the caller's; not changed
	transfer *provider.TransferRequest // what req is a part of, nil if it is no transfer
	upload   *upload                   // of a transfer, nil if it has none
	counters *stats.Counters           // nil for a second attempt that was not made
	seq      uint64

	scope    *scope // of the attempt that is made or waited for
	start    time.Time
	end      time.Time // when the policy's timeout passes; zero if there is none
	deadline time.Time // the earlier of end and the caller's; zero if none

	who        *caller.Caller
	tokens     int64 // that the request is taken for, 0 while nobody asks
	report     status.Report
	waited     time.Duration   // in the queue, for earlier attempts
	crashes    int             // attempts that ended with the plugin's process
	last       *provider.Error // of the latest attempt that is to be repeated
	lastEnd    time.Time       // of the latest attempt; before it, start
	notBefore  time.Time       // own Retry-After, where the gate does not see to it
	pausing    bool            // between two attempts
	firstToken time.Duration

	// The answer, by mode.
	resp   *provider.Response
	stream *stream
	body   *body

	// Most requests need one attempt only, and this is it.
	firstAttempt attempt
}

// runs are those of calls that are over, to be used again.
var runs = sync.Pool{New: func() any { return new(run) }}

// newRun returns a run with the scope of its first attempt. That of a call can be
// used again, as nobody knows it once the request is over: see drop. The tail of
// another answer is held by the caller, so there it is one with its scope.
func newRun(mode provider.Mode) *run {
	if mode == provider.ModeCall {
		r := runs.Get().(*run)
		r.scope = new(scope)
		return r
	}
	held := new(struct {
		run
		scope scope
	})
	held.run.scope = &held.scope
	return &held.run
}

// drop lets the run of a call be used again.
func (r *run) drop() {
	*r = run{}
	runs.Put(r)
}

// begin makes the run of a request that arrives now.
func (e *Endpoint) begin(ctx context.Context, req *provider.Request, mode provider.Mode, how How) *run {
	now := time.Now()
	set := e.settings.Load()
	r := newRun(mode)
	r.e, r.set, r.mode, r.how, r.req = e, set, mode, how, req
	r.who, r.start, r.lastEnd = caller.From(ctx), now, now
	if !how.Hedge { // it counts once it has a slot
		r.counters = e.stats.Begin(now)
	}
	r.report.RequestID, r.report.Endpoint, r.report.Provider, r.report.Model = req.RequestID, e.id, e.provider, req.Model
	if r.report.Model == "" {
		r.report.Model = set.model
	}
	if t := set.policy.Timeout; t > 0 {
		r.end = now.Add(t - how.Elapsed)
		r.deadline = r.end
	}
	if d, ok := ctx.Deadline(); ok && (r.deadline.IsZero() || d.Before(r.deadline)) {
		r.deadline = d
	}
	r.beginScope(ctx)
	return r
}

// beginScope begins the scope of the attempt that is to come.
func (r *run) beginScope(caller context.Context) {
	r.scope.alarms = &r.e.alarms
	r.scope.begin(caller, r.limits().timeout, r.end)
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
// operation and mode, a usable key), then the retry loop around [queue slot,
// breaker permit, attempt deadline, backend call], then the stats; the slot is
// free while the loop pauses.
//
// It returns nil once an attempt has succeeded; what remains is the end of the
// request, or its [tail].
func (e *Endpoint) do(r *run) *provider.Error {
	err := e.admit(r)
	if err == nil {
		err = r.attempts()
	}
	if err != nil {
		r.scope.over() // it may have begun to wait for an attempt that was not made
		r.finish(err, nil, time.Now())
	}
	return err
}

// attempts makes the first attempt, and only if that fails enters the retry loop.
func (r *run) attempts() *provider.Error {
	r.seq = r.e.queue.Number()
	if !r.how.Hedge { // whose request has paid for its retries already
		r.set.retry.Begin()
	}
	repeat, err := r.try(1)
	if repeat {
		return r.again(err)
	}
	return err
}

// again is the retry loop after the first attempt, which failed with the given
// error.
func (r *run) again(failed *provider.Error) *provider.Error {
	pause := pauseContext{Context: r.scope.caller, r: r}
	err := r.set.retry.Run(&pause, func(number int) (bool, error) {
		pause.over()
		if number == 1 {
			return true, failed
		}
		if repeat, err := r.try(number); err != nil {
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
		return r.interrupted()
	}
	return provider.AsError(err)
}

// over reports whether the whole request has run out of time or lost its caller.
func (r *run) over(now time.Time) bool {
	return r.scope.caller.Err() != nil || !r.end.IsZero() && !now.Before(r.end)
}

// ownKey reports whether the request brings its own key. Its rate limits are
// then not those of the endpoint's key.
func (r *run) ownKey() bool { return !r.req.Credential.IsZero() }
