package endpoint

import (
	"errors"
	"time"

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
	repeat, err, why := r.judge(a, err)
	r.tellFailure(a, err, why)
	if repeat {
		r.last, r.pausing = err, true
		r.scope = new(scope)
		r.scope.begin(r.caller, r.timeout(), r.end)
	}
	return repeat, err
}

// judge decides on a failed attempt: whether to repeat it, the error for the
// caller if not, and the reason in words.
func (r *run) judge(a *attempt, err *provider.Error) (bool, *provider.Error, string) {
	switch {
	case r.how.Hedge:
		return false, err, "not repeated: it was a second attempt beside a slow one"
	case r.how.Elsewhere && err.IsRateLimit():
		return false, err, "not repeated: another endpoint of the route can answer now"
	case r.caller.Err() != nil:
		return false, err, "not repeated: the caller left"
	case r.over(r.lastEnd):
		return false, err, "not repeated: the time of the whole request is over"
	case r.e.closing.Err() != nil:
		return false, err, "not repeated: the endpoint is closing"
	case r.upload.spent():
		return false, err, "not repeated: the upload was read and cannot be sent again"
	}
	v := r.set.retry.Next(retry.Failure{
		Err: err, Attempt: a.req.Attempt, Deadline: r.deadline, Unsafe: r.op.Unsafe, Blocked: r.blocked(),
	})
	return v.Repeat, v.Err, v.Why
}

// take gets what an attempt needs: a slot, then a permit. Its refusals are
// final. An open circuit refuses before the wait for a slot, and again after it.
func (r *run) take(number int) (*attempt, *provider.Error) {
	now := r.start
	if number > 1 {
		if err := r.sleepUntil(r.notBefore); err != nil {
			return nil, err
		}
		now = time.Now()
		r.report.Backoff += now.Sub(r.lastEnd)
		r.lastEnd = now
	}
	if r.over(now) {
		return nil, r.left(r.scope, beforeAttempt)
	}
	if err := r.e.breaker.Refusal(); err != nil {
		return nil, r.refused(err)
	}
	slot, now, err := r.slot(number, now)
	if err != nil {
		return nil, err
	}
	permit, refusal := r.e.breaker.Allow()
	if refusal != nil {
		slot.ReleaseAt(now)
		return nil, r.refused(refusal)
	}
	r.report.Attempts++
	r.counters.Attempt(number)
	return r.newAttempt(number, now, slot, permit), nil
}

// slot waits for a slot and returns it with the time at which it was granted.
func (r *run) slot(number int, now time.Time) (queue.Slot, time.Time, *provider.Error) {
	slot, err := r.e.queue.Acquire(r.scope, queue.Ticket{
		Seq: r.seq, Retry: number > 1, Ungated: r.ownKey(), Bytes: r.bytes(), Deadline: r.deadline,
		Now: now, NoWait: r.how.Hedge,
	})
	if slot.Waited || err != nil {
		now = time.Now()
		r.report.QueueWait += now.Sub(r.lastEnd)
	}
	switch {
	case err == nil:
	case errors.Is(err, queue.ErrLeft):
		return slot, now, r.left(r.scope, inQueue)
	case errors.Is(err, queue.ErrBusy):
		return slot, now, errBusy()
	default:
		return slot, now, provider.AsError(err)
	}
	if !r.deadline.IsZero() && !now.Before(r.deadline) {
		slot.ReleaseAt(now)
		return slot, now, r.late()
	}
	return slot, now, nil
}

// errBusy refuses a second attempt that would have had to wait.
func errBusy() *provider.Error {
	return &provider.Error{
		Code: provider.CodeQueueFull, Source: provider.SourceHost,
		Message: "the endpoint has no slot free for a second attempt beside a slow one",
	}
}

// refused is the breaker's refusal. A request that has made attempts also learns
// what became of the last: the breaker's numbers alone do not say what is wrong.
func (r *run) refused(err error) *provider.Error {
	e := provider.AsError(err)
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
		return provider.AsError(err).RetryAfter
	}
	return 0
}
