package endpoint

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/backplane-dev/backplane/host/internal/adapt"
	"github.com/backplane-dev/backplane/host/internal/circuit"
	"github.com/backplane-dev/backplane/host/internal/queue"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// attempt is one try of a request. It holds a slot and a permit, which end
// gives back.
type attempt struct {
	r      *run
	req    *provider.Request // the caller's, completed; in scope
	scope  *scope
	slot   queue.Slot
	permit circuit.Permit
	passed status.CircuitState // that gave the permit
	waited time.Duration       // for the slot
	start  time.Time
	begun  bool // past the commit point
}

// newAttempt makes the attempt that begins now.
func (r *run) newAttempt(number int, now time.Time, slot queue.Slot, permit circuit.Permit) *attempt {
	a := &r.firstAttempt
	if number > 1 {
		a = new(attempt)
	}
	a.r, a.req, a.scope, a.slot, a.permit, a.start = r, &r.scope.req, r.scope, slot, permit, now
	a.passed, a.waited = permit.State(), r.report.QueueWait-r.waited
	r.waited = r.report.QueueWait
	*a.req = *r.req
	a.req.Endpoint, a.req.Revision, a.req.Attempt, a.req.Timeout = r.e.id, r.set.revision, number, 0
	a.req.ConnectTimeout = r.set.policy.ConnectTimeout
	if r.mode == provider.ModeCall {
		a.req.Timeout = r.attemptTime(now)
	}
	if l := r.limits().attempt; l != nil {
		if at := now.Add(l.figure); r.end.IsZero() || at.Before(r.end) {
			a.scope.arm(l, at)
		}
	}
	return a
}

// run makes the call. If it fails or panics, the attempt has ended.
func (a *attempt) run() (err *provider.Error) {
	defer a.returned(&err)
	switch a.r.mode {
	case provider.ModeStream:
		return a.openStream()
	case provider.ModeTransfer:
		return a.openTransfer()
	default:
		return a.call()
	}
}

// returned is deferred by run.
func (a *attempt) returned(err **provider.Error) {
	if p := recover(); p != nil {
		*err = a.panicked(p)
	}
	now := time.Now()
	took := now.Sub(a.start)
	a.r.report.ProviderTime += took
	a.r.lastEnd = now
	a.feel(took, now, *err)
	switch {
	case *err != nil:
		a.end(*err, nil, now)
	case a.r.mode == provider.ModeCall:
		a.observe(a.r.resp.RateLimits, now)
		a.end(nil, a.r.resp.Usage, now)
	}
}

// feel takes the pulse: took is the time until the first chunk, the head of a
// transfer or the whole answer, or until the failure.
func (a *attempt) feel(took time.Duration, now time.Time, err *provider.Error) {
	p := &a.r.e.pulse
	if l := a.r.e.adapt.Load(); l != nil && !a.r.ownKey() {
		a.adapt(l, took, err)
	}
	switch {
	case err == nil || errors.Is(err.Cause, ErrOutrun):
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

// adapt tells the adaptive limit of the attempt. What the service is not to
// answer for tells it nothing.
func (a *attempt) adapt(l *adapt.Limit, took time.Duration, err *provider.Error) {
	dropped := err != nil && (err.IsRateLimit() || err.Code == provider.CodeOverloaded || err.Code.Failure())
	if err == nil || dropped {
		l.Sample(took, a.r.e.queue.InFlight(), dropped)
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
	if !a.scope.lift() {
		return a.r.left(a.scope, inFlight)
	}
	a.begun = true
	a.permit = a.r.e.breaker.Began(a.permit)
	a.slot.Passed()
	return nil
}

// end gives slot and permit back, with what err says about the service; nil is
// success. It is called once: by run if the attempt is over then, otherwise by
// the tail.
func (a *attempt) end(err *provider.Error, usage *provider.Usage, now time.Time) {
	if err != nil {
		a.observe(err.RateLimits, now)
	}
	a.settle(err, usage, now)
	pause := a.pause(err, now)
	outcome := a.outcome(err, now) // asks the scope
	a.scope.over()
	a.r.e.breaker.DoneAt(a.permit, outcome, pause, now)
	if err == nil || (err.Code != provider.CodeCanceled && err.Code != provider.CodePluginUnavailable) {
		a.slot.PassedAt(now)
	}
	a.slot.ReleaseAt(now)
}

// pause notes how long to leave the service alone, before the slot is free for
// the next request.
func (a *attempt) pause(err *provider.Error, now time.Time) time.Duration {
	if err == nil {
		return 0
	}
	if cooldown := a.r.set.policy.Limits.QuotaCooldown; err.Code == provider.CodeQuota && cooldown > 0 && !a.r.ownKey() {
		a.r.e.key.begin(cooldown, err, now)
	}
	d := a.r.set.retry.Pause(err)
	switch {
	case d == 0:
	case a.r.ownKey():
		a.r.notBefore = now.Add(d)
	default:
		a.r.e.queue.Hold(now.Add(d), err)
	}
	return d
}

// outcome is what an attempt's end says about the service. When the time of the
// whole request ran out, the service is to blame only if it had at least half
// of the timeout: the rest may have gone by in the queue or between attempts,
// and a caller may allow too little. Once an answer has begun, only the caller's
// own deadline can still end the whole request.
func (a *attempt) outcome(err *provider.Error, now time.Time) circuit.Outcome {
	switch {
	case err == nil:
		return circuit.Success
	case !err.Code.Failure():
		return circuit.Ignored
	case err.IsTimeout() && a.scope.whole() && (a.begun || 2*now.Sub(a.start) < a.r.set.policy.Timeout):
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
	if a.scope.Err() != nil {
		return a.r.left(a.scope, inFlight)
	}
	if e.Code == provider.CodeCanceled {
		return &provider.Error{
			Code: provider.CodeInternal, Source: provider.SourcePlugin, Cause: err,
			Message: "the provider gave up as if the caller had left, but the caller is still waiting",
		}
	}
	return e
}
