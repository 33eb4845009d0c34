package endpoint

import (
	"errors"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/queue"
	"github.com/backplane-dev/backplane/host/internal/retry"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// try makes one attempt and says whether to make another.
func (r *run) try(number int) (bool, *provider.Error) {
	r.pausing = false
	a, err := r.take(number)
	if err != nil {
		if number > 1 {
			r.set.retry.Refund(r.last)
		}
		r.tellRefused(err)
		return false, err
	}
	r.how.running(true)
	if err = a.run(); err == nil {
		if number > 1 {
			r.set.retry.Refund(r.last)
		}
		r.tellSuccess(a)
		return false, nil
	}
	r.how.running(false)
	v := r.judge(a, err)
	r.tellFailure(a, v)
	if v.Repeat {
		r.last, r.pausing = err, true
		caller := r.scope.caller
		r.scope = new(scope)
		r.beginScope(caller)
	}
	return v.Repeat, v.Err
}

// judge decides on a failed attempt.
func (r *run) judge(a *attempt, err *provider.Error) retry.Verdict {
	if retry.Crashed(err) {
		r.crashes++
	}
	if why := r.final(err); why != "" {
		return retry.Verdict{Err: err, Why: "not repeated: " + why}
	}
	return r.set.retry.Next(retry.Failure{
		Err: err, Attempt: a.req.Attempt, Crashes: r.crashes,
		Deadline: r.deadline, Unsafe: r.op.Unsafe, Blocked: r.blocked(),
	})
}

// final says why the request is over whatever became of the attempt, "" if it is
// not.
func (r *run) final(err *provider.Error) string {
	switch {
	case r.scope.caller.Err() != nil:
		return "the caller has left"
	case r.over(r.lastEnd):
		return "the time of the whole request is over"
	case r.e.closing.Err() != nil:
		return "the endpoint is closing"
	case r.how.Hedge:
		return "it was a second attempt beside a slow one"
	case r.how.Elsewhere && err.IsRateLimit():
		return "another endpoint of the route can answer now"
	case r.upload.spent():
		return "the upload was read and cannot be sent again"
	default:
		return ""
	}
}

// take gets what an attempt needs: a usable key, a slot, a permit. Its refusals
// are final. Key and circuit refuse before the wait for a slot, and again after
// it; a circuit that holds requests makes them wait once more.
func (r *run) take(number int) (*attempt, *provider.Error) {
	now := r.start
	if number > 1 {
		if err := r.sleepUntil(r.notBefore); err != nil {
			return nil, err
		}
		now = time.Now()
		r.paused(now)
	}
	if r.over(now) {
		return nil, r.left(r.scope, beforeAttempt)
	}
	if err := r.e.breaker.Refusal(); err != nil {
		if err := r.hold(provider.AsError(err), now); err != nil {
			return nil, err
		}
	}
	admitted := number > 1
	for {
		if err := r.e.key.refusal(r, now); err != nil {
			return nil, err
		}
		slot, granted, err := r.slot(admitted, now)
		if err != nil {
			return nil, err
		}
		if err := r.e.key.refusal(r, granted); err != nil {
			r.giveBack(slot, granted)
			return nil, err
		}
		permit, refusal := r.e.breaker.Allow()
		if refusal == nil {
			r.report.Attempts++
			if r.how.Hedge {
				r.counters = r.e.stats.Begin(now)
			}
			r.counters.Attempt(number)
			return r.newAttempt(number, granted, slot, permit), nil
		}
		r.giveBack(slot, granted)
		if err := r.hold(provider.AsError(refusal), granted); err != nil {
			return nil, err
		}
		admitted, now = true, time.Now()
	}
}

// paused notes the end of the pause before an attempt.
func (r *run) paused(now time.Time) {
	pause := now.Sub(r.lastEnd)
	r.report.Backoff += pause
	if n := len(r.report.Tries); n > 0 {
		r.report.Tries[n-1].Delay = pause
	}
	r.lastEnd = now
}

// slot waits for a slot and returns it with the time at which it was granted. A
// request that was admitted before is not refused for the length of the queue.
func (r *run) slot(admitted bool, now time.Time) (queue.Slot, time.Time, *provider.Error) {
	if r.tokens == 0 && r.e.pacing.on.Load() {
		r.tokens = estimate(r.req.Body)
	}
	slot, err := r.e.queue.Acquire(r.scope.caller, r.ticket(admitted, now))
	if slot.Waited || err != nil {
		now = time.Now()
		r.report.QueueWait = r.waited + now.Sub(r.lastEnd)
	}
	switch {
	case err == nil:
	case errors.Is(err, queue.ErrLeft):
		return slot, now, r.tellPace(r.left(r.scope, inQueue), now)
	case errors.Is(err, queue.ErrBusy):
		return slot, now, errBusy()
	default:
		return slot, now, r.tellPace(provider.AsError(err), now)
	}
	if !r.deadline.IsZero() && !now.Before(r.deadline) {
		r.giveBack(slot, now)
		return slot, now, r.late()
	}
	return slot, now, nil
}

// ticket asks for a slot. While the request waits for it, its scope has the limit
// of the whole request; the queue keeps to that, which costs less than to have the
// scope end with it.
func (r *run) ticket(admitted bool, now time.Time) queue.Ticket {
	return queue.Ticket{
		Seq: r.seq, Retry: admitted, Ungated: r.ownKey(), Bytes: r.bytes(), Deadline: r.deadline, End: r.end,
		Priority: r.who.Priority, Tenant: r.who.Tenant, Model: r.report.Model, Tokens: r.tokens,
		Now: now, NoWait: r.how.Hedge, Elsewhere: r.how.Elsewhere,
	}
}

// giveBack returns a slot with which no attempt was made.
func (r *run) giveBack(slot queue.Slot, now time.Time) {
	t := queue.Ticket{Model: r.report.Model, Tokens: r.tokens}
	slot.CancelAt(&t, now)
}

// errBusy refuses a second attempt that would have had to wait.
func errBusy() *provider.Error {
	return &provider.Error{
		Code: provider.CodeQueueFull, Source: provider.SourceHost,
		Message: "the endpoint has no slot free for a second attempt beside a slow one",
	}
}

// hold makes the requests of an open circuit wait for the probe, where that is
// configured; err is the breaker's refusal. It returns an error if this request
// does not wait: it is not to, it cannot, or it was interrupted.
func (r *run) hold(err *provider.Error, now time.Time) *provider.Error {
	if !r.holds(err) {
		return r.refused(err)
	}
	until := now.Add(err.RetryAfter)
	if !r.deadline.IsZero() && !until.Before(r.deadline) {
		late := *err
		late.Message += "; the request cannot wait for that long"
		return r.refused(&late)
	}
	if r.ownKey() { // it does not wait at the gate
		return r.sleepUntil(until)
	}
	r.e.queue.Hold(until, err)
	return nil
}

// holds reports whether requests wait for the end of the breaker's refusal. They
// do not for one that has no end.
func (r *run) holds(err *provider.Error) bool {
	return r.set.policy.Breaker.WhenOpen == config.WhenOpenHold && err.RetryAfter > 0 && !r.how.Hedge
}

// refused is the breaker's refusal. A request that has made attempts also learns
// what became of the last: the breaker's numbers alone do not say what is wrong.
func (r *run) refused(e *provider.Error) *provider.Error {
	if r.last == nil {
		return e
	}
	told := *e
	told.Message += "; the request's last attempt failed: " + r.last.Message
	told.Cause = r.last
	return &told
}

// blocked is how long the breaker refuses attempts for certain.
func (r *run) blocked() time.Duration {
	if err := r.e.breaker.Refusal(); err != nil {
		if e := provider.AsError(err); !r.holds(e) {
			return e.RetryAfter
		}
	}
	return 0
}
