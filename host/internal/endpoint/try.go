package endpoint

import (
	"errors"
	"time"

	"github.com/backplane-dev/backplane/host/internal/queue"
	"github.com/backplane-dev/backplane/host/internal/retry"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// try makes one attempt and says whether to make another.
func (r *run) try(number int, call func(*attempt) *provider.Error) (bool, *provider.Error) {
	r.pausing = false
	a, err := r.take(number)
	if err != nil {
		if number > 1 {
			r.set.retry.Refund(r.last)
		}
		return false, err
	}
	err = a.run(call)
	if err == nil {
		if number > 1 {
			r.set.retry.Refund(r.last)
		}
		return false, nil
	}
	if r.how.Hedge || r.ctx.Err() != nil || r.e.closing.Err() != nil || r.upload.spent() {
		return false, err
	}
	repeat, err := r.set.retry.Next(retry.Failure{
		Err: err, Attempt: number, Deadline: r.deadline, Unsafe: r.op.Unsafe, Blocked: r.blocked(),
	})
	if repeat {
		r.last, r.pausing = err, true
	}
	return repeat, err
}

// take gets what an attempt needs: a slot, then a permit. Its refusals are
// final. An open circuit refuses before the wait for a slot, and again after it.
func (r *run) take(number int) (*attempt, *provider.Error) {
	if number > 1 {
		if err := r.sleepUntil(r.notBefore); err != nil {
			return nil, err
		}
		now := time.Now()
		r.report.Backoff += now.Sub(r.lastEnd)
		r.lastEnd = now
	}
	if r.ctx.Err() != nil {
		return nil, r.left(r.ctx, beforeAttempt)
	}
	if err := r.e.breaker.Refusal(); err != nil {
		return nil, r.refused(err)
	}
	slot, err := r.e.queue.Acquire(r.ctx, queue.Ticket{
		Seq: r.seq, Retry: number > 1, Ungated: r.ownKey(), Bytes: r.bytes(), Deadline: r.deadline,
	})
	now := time.Now()
	if slot.Waited || err != nil {
		r.report.QueueWait += now.Sub(r.lastEnd)
	}
	if errors.Is(err, queue.ErrLeft) {
		return nil, r.left(r.ctx, inQueue)
	}
	if err != nil {
		return nil, provider.AsError(err)
	}
	if !r.deadline.IsZero() && !now.Before(r.deadline) {
		slot.Release()
		return nil, r.late()
	}
	permit, err := r.e.breaker.Allow()
	if err != nil {
		slot.Release()
		return nil, r.refused(err)
	}
	r.report.Attempts++
	r.counters.Attempt(number)
	return r.newAttempt(number, now, slot, permit), nil
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

// ownKey reports whether the request brings its own key. Its rate limits are
// then not those of the endpoint's key.
func (r *run) ownKey() bool { return !r.req.Credential.IsZero() }

// blocked is how long the breaker refuses attempts for certain.
func (r *run) blocked() time.Duration {
	if err := r.e.breaker.Refusal(); err != nil {
		return provider.AsError(err).RetryAfter
	}
	return 0
}
