package endpoint

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/backplane-dev/backplane/host/internal/circuit"
	"github.com/backplane-dev/backplane/host/internal/queue"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// attempt is one try of a request. It holds a slot and a permit, which end
// gives back.
type attempt struct {
	r      *run
	req    provider.Request // the caller's, completed
	ctx    context.Context  // the run's, or one that the attempt's own limits end
	cancel context.CancelCauseFunc
	timer  *time.Timer // of the attempt's limit; nil if it has none
	limit  *limit
	slot   queue.Slot
	permit circuit.Permit
	start  time.Time
	begun  bool // past the commit point
}

func (r *run) newAttempt(number int, now time.Time, slot queue.Slot, permit circuit.Permit) *attempt {
	a := &attempt{r: r, req: *r.req, ctx: r.ctx, slot: slot, permit: permit, start: now, limit: r.attemptLimit()}
	a.req.Endpoint, a.req.Revision, a.req.Attempt, a.req.Timeout = r.e.id, r.set.revision, number, 0
	if r.mode == provider.ModeCall {
		a.req.Timeout = r.attemptTime(now)
	}
	// A whole answer needs no context of its own: when it is there, all is over.
	if r.mode != provider.ModeCall || a.limit != nil {
		a.ctx, a.cancel = context.WithCancelCause(r.ctx)
	}
	if a.limit != nil {
		a.timer = time.AfterFunc(a.limit.figure, func() { a.cancel(a.limit) })
	}
	return a
}

// run makes the call. If it fails or panics, the attempt has ended.
func (a *attempt) run(call func(*attempt) *provider.Error) (err *provider.Error) {
	defer func() {
		if p := recover(); p != nil {
			err = a.panicked(p)
		}
		now := time.Now()
		took := now.Sub(a.start)
		a.r.report.ProviderTime += took
		a.r.lastEnd = now
		a.feel(took, now, err)
		if err != nil {
			a.end(err)
		}
	}()
	return call(a)
}

// feel takes the pulse: took is the time until the first chunk, the head of a
// transfer or the whole answer, or until the failure.
func (a *attempt) feel(took time.Duration, now time.Time, err *provider.Error) {
	p := &a.r.e.pulse
	switch {
	case err == nil:
		p.smooth.add(took, now)
		switch a.r.mode {
		case provider.ModeStream:
			p.firstToken.add(took, now)
		case provider.ModeCall:
			p.answer.add(took, now)
		}
	case err.Code.Failure() || err.IsRateLimit():
		p.smooth.add(max(took, failurePenalty), now)
	}
}

// panicked makes an error of a panic in the backend.
func (a *attempt) panicked(p any) *provider.Error {
	return &provider.Error{
		Code: provider.CodeInternal, Source: provider.SourceHost,
		Message: fmt.Sprintf("the host panicked in a call to provider %q: %v", a.r.e.provider, p),
		Cause:   fmt.Errorf("panic: %v\n%s", p, debug.Stack()),
	}
}

// commit ends the limits that hold until the service has begun to answer. It
// fails if one of them has passed at this very moment.
func (a *attempt) commit() *provider.Error {
	switch {
	case a.timer != nil && !a.timer.Stop():
		return a.limit.err()
	case a.r.timer != nil && !a.r.timer.Stop():
		return a.r.timeout().err()
	}
	a.begun = true
	a.permit = a.r.e.breaker.Began(a.permit)
	a.slot.Passed()
	return nil
}

// end gives slot and permit back, with what err says about the service; nil is
// success. It is called once: by run if the attempt failed, otherwise by who has
// the answer.
func (a *attempt) end(err *provider.Error) {
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.cancel != nil {
		a.cancel(nil)
	}
	pause := a.pause(err)
	a.r.e.breaker.Done(a.permit, a.outcome(err), pause)
	if err == nil || (err.Code != provider.CodeCanceled && err.Code != provider.CodePluginUnavailable) {
		a.slot.Passed()
	}
	a.slot.Release()
}

// pause notes how long to leave the service alone, before the slot is free for
// the next request.
func (a *attempt) pause(err *provider.Error) time.Duration {
	if err == nil {
		return 0
	}
	d := a.r.set.retry.Pause(err)
	switch {
	case d == 0:
	case a.r.ownKey():
		a.r.notBefore = time.Now().Add(d)
	default:
		a.r.e.queue.Hold(time.Now().Add(d), err)
	}
	return d
}

// outcome is what an attempt's end says about the service. When the time of the
// whole request ran out, the service is to blame only if it had at least half
// of the timeout: the rest may have gone by in the queue or between attempts,
// and a caller may allow too little. Once an answer has begun, only the caller's
// own deadline can still end the whole request.
func (a *attempt) outcome(err *provider.Error) circuit.Outcome {
	switch {
	case err == nil:
		return circuit.Success
	case !err.Code.Failure():
		return circuit.Ignored
	case err.IsTimeout() && a.r.ctx.Err() != nil && (a.begun || 2*time.Since(a.start) < a.r.set.policy.Timeout):
		return circuit.Ignored
	default:
		return circuit.Failure
	}
}

// failure makes the error for the caller of what the backend returned. If the
// attempt's context has ended, the reason for that is the error.
func (a *attempt) failure(err error) *provider.Error {
	e := provider.AsError(err)
	if e.Code != provider.CodeCanceled && e.Code != provider.CodeTimeout {
		return e
	}
	if a.ctx.Err() != nil {
		return a.r.left(a.ctx, inFlight)
	}
	if e.Code == provider.CodeCanceled {
		return &provider.Error{
			Code: provider.CodeInternal, Source: provider.SourcePlugin, Cause: err,
			Message: "the provider gave up as if the caller had left, but the caller is still waiting",
		}
	}
	return e
}
