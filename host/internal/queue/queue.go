// Package queue orders and limits the attempts of one endpoint.
//
// A [Queue] hands out slots: at most as many as its limit are taken at any
// moment. Who has to wait is served in this order:
//
//   - Between priorities, the highest first; but one that others have been
//     served before too often in a row goes ahead once, so that none starves.
//   - Between the tenants of a priority, in turn: deficit round robin where each
//     slot costs one. A tenant that floods the queue delays itself.
//   - Within a tenant, by the sequence numbers that requests draw on arrival with
//     [Queue.Number]. A retry asks for its next slot under its old number and so
//     goes ahead of everything that arrived later.
//
// With one priority and one tenant this is plain first in, first out. Whose turn
// it is but may not go, as the gate is shut ([Queue.Hold]) or its model is over
// its pace ([Pacer]), holds up nobody who may.
//
// # Who is refused
//
// Waiting requests are bounded in number and in bytes. A full queue refuses at
// once, unless another tenant takes more of it than the newcomer's, or a lower
// priority is in it: then the last ones of that leave instead. Refused at once is
// also who could not be served before its deadline, as the queue moves at the
// moment. A waiter whose context ends leaves its place at that moment.
//
// A tenant whose requests have kept waiting for the whole Interval without a
// gap has a standing queue, in which all would wait long and be served too late.
// From then on its waits are cut to Target. The rule looks at each tenant of each
// priority by itself, so that nobody's wait is cut because others have to wait.
// Time at a shut gate or for a pace does not count: it serves the service, and the
// deadline bounds it. A retry is not cut and never refused for want of room: it
// was admitted once, stands at the front, and has cost the service work.
//
// All refusals say their numbers and when to come back.
package queue

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Limits bound a queue.
type Limits struct {
	// MaxConcurrent is the number of slots; 0 means no limit.
	MaxConcurrent int
	// Size is the number of requests that may wait; 0 means that none waits.
	// MaxBytes bounds the sum of their bodies; 0 means no bound.
	Size     int
	MaxBytes int64
	// Unbounded lets any number of requests wait, as long as their contexts
	// allow: it turns off Size, MaxBytes, Overload, and the refusal of those who
	// could not be served in time. MaxConcurrent, order, gate and pace still hold.
	Unbounded bool

	// Overload, Target and Interval are those of [config.Queue]; an empty Overload
	// is "none". Timeout is that of a whole request, for an automatic Target; 0 is
	// none.
	Overload         string
	Target, Interval time.Duration
	Timeout          time.Duration
}

// Ticket says who asks for a slot.
type Ticket struct {
	// Seq is the request's place in the order; see [Queue.Number].
	Seq uint64
	// Retry is true for all but the first slot of a request. A request that
	// was admitted once is not refused because the queue has filled up since.
	Retry bool
	// Ungated requests do not wait at the gate, nor for the pacer: they use a
	// key of their own.
	Ungated bool
	// Bytes is the size of the request's body and of an upload in memory.
	Bytes int64
	// Deadline is when the request gives up; zero if it does not. It serves to
	// refuse at once who could only wait in vain. Leaving is up to the context.
	Deadline time.Time
	// End is when the request leaves if it still waits; zero if it does not. It is
	// for limits that ctx does not keep: it costs less than a context.
	End time.Time
	// Priority and Tenant say whose turn it is among those who wait.
	Priority caller.Priority
	Tenant   string
	// Model and Tokens are what the [Pacer] is asked about.
	Model  string
	Tokens int64
	// NoWait takes a slot only if one is free at once and the gate is open, and
	// else fails with [ErrBusy].
	NoWait bool
	// Elsewhere is true if another endpoint can take the request now: it does not
	// wait for a service that is left alone for its rate, nor long for a pace.
	Elsewhere bool
	// Now is the present time, from a caller that has just read the clock. The
	// queue reads it by itself if it is zero.
	Now time.Time
}

// Queue hands out slots. It is safe for concurrent use.
//
// Within, times are counted from the queue's birth: such a clock is cheaper to
// read, to compare and to store.
type Queue struct {
	seq   atomic.Uint64
	born  time.Time
	slots word
	times times

	mu      sync.Mutex
	limits  Limits // MaxConcurrent is the limit as it is now
	waiting crowd
	closed  bool
	gate    gate
	pace    pace
	alarm   alarm
	expiry  time.Duration // when the first waiter's time is over, or before; 0 if none has an end
	flow    flow
	resumed time.Duration // when the gate was opened last
	counts  counts
	told    list    // who is no longer in the queue, and is to be told after the lock
	spare   *waiter // list of waiters to be used again
	spares  int

	// granted, if set, is told each grant under the lock, and passed each one
	// that took no lock, for tests.
	granted, passed func(t Ticket, inFlight int)
}

// New makes an open queue.
func New(limits Limits) *Queue {
	q := &Queue{limits: limits, born: time.Now()}
	q.slots.setLimit(limits.MaxConcurrent)
	return q
}

// Number draws the next sequence number, from 1.
func (q *Queue) Number() uint64 { return q.seq.Add(1) }

// ErrLeft is the answer to who left the queue because its context ended.
var ErrLeft = errors.New("the context ended")

// ErrBusy is the answer to who would not wait and would have had to.
var ErrBusy = errors.New("no slot is free")

// now is the queue's clock; at is the time if it is known.
func (q *Queue) now(at time.Time) time.Duration {
	if at.IsZero() {
		return time.Since(q.born)
	}
	return at.Sub(q.born)
}

// Acquire waits for a slot, which must be given back with [Slot.Release]. It
// fails with [ErrLeft] if ctx or the ticket's End comes first, with [ErrBusy] if the ticket does not
// wait, otherwise with an [*provider.Error]: CodeQueueFull, CodeShutdown, or, if
// the gate opens only after the ticket's deadline, CodeRateLimit or
// CodePluginUnavailable. Where no wait is needed it looks at neither.
func (q *Queue) Acquire(ctx context.Context, t Ticket) (Slot, error) {
	now := q.now(t.Now)
	if n := q.slots.take(); n > 0 {
		if q.passed != nil {
			q.passed(t, n)
		}
		return Slot{q: q, since: now}, nil
	}
	q.lock()
	q.check(now)
	if q.admits(&t, now) {
		slot := q.grant(&t, now)
		q.unlock()
		return slot, nil
	}
	w, err := q.join(ctx, &t, now)
	q.unlock()
	if err != nil {
		return Slot{}, err
	}
	return q.wait(ctx, w)
}

// join puts a request that must wait into the queue. q.mu is held.
func (q *Queue) join(ctx context.Context, t *Ticket, now time.Duration) (*waiter, error) {
	switch {
	case q.closed:
		return nil, errClosed()
	case ctx.Err() != nil:
		return nil, ErrLeft
	case t.NoWait:
		return nil, ErrBusy
	}
	if err := q.refuse(t, now); err != nil {
		return nil, err
	}
	if q.slots.free() && q.pace.until[t.Model] > now {
		q.counts.paced++
	}
	w := q.newWaiter()
	w.Ticket, w.since = *t, now
	q.waiting.insert(w)
	q.watch(w, now)
	q.until(w, now)
	return w, nil
}

// wait blocks until w was served or its context ended.
func (q *Queue) wait(ctx context.Context, w *waiter) (Slot, error) {
	select {
	case <-w.done:
	case <-ctx.Done():
		q.leave(w)
		return Slot{}, ErrLeft
	}
	switch {
	case w.err != nil:
		told := *w.err // may be that of others too
		return Slot{}, &told
	case w.slot.q == nil:
		return Slot{}, ErrLeft // its time was over
	default:
		return w.slot, nil
	}
}

// leave takes w out of the queue because its context ended. If it was served at
// the same moment, its slot goes on to the next one.
func (q *Queue) leave(w *waiter) {
	now := q.now(time.Time{})
	q.lock()
	defer q.unlock()
	switch {
	case !w.out:
		q.remove(w)
		q.forget(w, now)
	case w.slot.q != nil:
		w.slot.waiter = nil // it is told yet, so it cannot be used again
		q.cancel(&w.slot, &w.Ticket, now)
	}
}

// remove takes w out of the queue without a slot. An empty queue does not move:
// the time until somebody waits again says nothing. q.mu is held.
func (q *Queue) remove(w *waiter) {
	q.waiting.remove(w)
	if q.waiting.len == 0 {
		q.flow.pause()
	}
}

// Resize changes the limits. Slots that are taken and requests that wait are
// left alone: a smaller queue fills up again only below its new limits.
func (q *Queue) Resize(limits Limits) {
	q.change(func() { q.limits = limits })
}

// SetConcurrency moves the number of slots until the next [Queue.Resize]; 0 means
// no limit. Slots that are taken stay so.
func (q *Queue) SetConcurrency(n int) {
	q.change(func() { q.limits.MaxConcurrent = n })
}

// change changes the limits by set and serves who may go now.
func (q *Queue) change(set func()) {
	now := q.now(time.Time{})
	q.lock()
	defer q.unlock()
	before := q.limits.MaxConcurrent
	set()
	q.slots.setLimit(q.limits.MaxConcurrent)
	if !q.closed {
		q.flow.scale(before, q.limits.MaxConcurrent)
		q.look(now)
	}
}

// Concurrency is the number of slots as it is now; 0 means no limit.
func (q *Queue) Concurrency() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limits.MaxConcurrent
}

// InFlight is the number of slots that are taken. It takes no lock.
func (q *Queue) InFlight() int { return q.slots.taken() }

// Close refuses all waiting and further requests with CodeShutdown. Slots that
// are taken stay so until they are released.
func (q *Queue) Close() {
	q.lock()
	defer q.unlock()
	q.closed = true
	q.gate.stop()
	q.alarm.stop()
	err := errClosed()
	q.waiting.each(func(w *waiter) { q.fail(w, err) })
}

// fail sends a waiter away. q.mu is held.
func (q *Queue) fail(w *waiter, err *provider.Error) {
	q.remove(w)
	w.err = err
	q.tell(w)
}

func errClosed() *provider.Error {
	return &provider.Error{
		Code: provider.CodeShutdown, Source: provider.SourceHost,
		Message: "the endpoint is closing and takes no more requests",
	}
}
