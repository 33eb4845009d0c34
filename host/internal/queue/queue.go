// Package queue orders and limits the attempts of one endpoint.
//
// A [Queue] hands out slots: at most MaxConcurrent are taken at any moment, and
// who has to wait is served in the order of the sequence numbers, which
// requests draw on arrival with [Queue.Number]. A retry asks for its next slot
// under its old number and so goes ahead of everything that arrived later.
//
// Waiting requests are bounded in number and in bytes. A full queue refuses at
// once, with the time after which a new try makes sense. A waiter whose context
// ends leaves its place at that moment.
//
// A queue also has a gate, for services that ask to be left alone for a while:
// see [Queue.Hold].
package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Limits bound a queue.
type Limits struct {
	// MaxConcurrent is the number of slots; 0 means no limit.
	MaxConcurrent int
	// Size is the number of requests that may wait; 0 means that none waits.
	// MaxBytes bounds the sum of their bodies; 0 means no bound.
	Size     int
	MaxBytes int64
	// Unbounded lifts Size and MaxBytes. MaxConcurrent still holds.
	Unbounded bool

	// Overload, Target and Interval are those of [config.Queue]. Timeout is that
	// of a whole request, from which an automatic target is made.
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
	// Ungated requests do not wait at the gate.
	Ungated bool
	// Bytes is the size of the request's body and of an upload in memory.
	Bytes int64
	// Deadline is when the request gives up; zero if it does not. It serves to
	// refuse at once who could only wait in vain. Leaving is up to the context.
	Deadline time.Time
	// Priority and Tenant say whose turn it is among those who wait.
	Priority caller.Priority
	Tenant   string
	// Model and Tokens are what the [Pacer] is asked about.
	Model  string
	Tokens int64
	// NoWait takes a slot only if one is free at once, and else fails with
	// [ErrBusy].
	NoWait bool
	// Now is the present time, if the caller has just read the clock.
	Now time.Time
}

// Pacer says when a request may be sent. It is asked under the queue's lock, in
// the order in which requests wait: Take returns 0 if the request may go now,
// which is then booked, else the time until it could.
type Pacer interface {
	Take(now time.Time, model string, tokens int64) time.Duration
}

// Queue hands out slots. It is safe for concurrent use.
type Queue struct {
	seq atomic.Uint64

	mu       sync.Mutex
	limits   Limits
	waiting  list
	inFlight int
	closed   bool
	gate     gate
	pace     pace
	pacer    Pacer
	running  atomic.Int64 // inFlight, to be read without the lock

	// granted, if set, is told each grant under the lock, for tests.
	granted func(seq uint64, inFlight int)
}

// New makes an open queue.
func New(limits Limits) *Queue { return &Queue{limits: limits} }

// Number draws the next sequence number, from 1.
func (q *Queue) Number() uint64 { return q.seq.Add(1) }

// ErrLeft is the answer to who left the queue because its context ended.
var ErrLeft = errors.New("the context ended")

// ErrBusy is the answer to who would not wait and would have had to.
var ErrBusy = errors.New("no slot is free")

// Acquire waits for a slot, which must be given back with [Slot.Release]. It
// fails with [ErrLeft] if ctx ends first, otherwise with an [*provider.Error]:
// CodeQueueFull, CodeShutdown, or, if the gate opens only after the ticket's
// deadline, CodeRateLimit or CodePluginUnavailable. Where no wait is needed it
// does not look at ctx.
func (q *Queue) Acquire(ctx context.Context, t Ticket) (Slot, error) {
	q.mu.Lock()
	if q.free() && q.waiting.first == nil && (q.gate.open() || t.Ungated) && !q.closed {
		slot := q.grant(t)
		q.mu.Unlock()
		return slot, nil
	}
	if ctx.Err() != nil {
		q.mu.Unlock()
		return Slot{}, ErrLeft
	}
	if t.NoWait && !q.closed {
		q.mu.Unlock()
		return Slot{}, ErrBusy
	}
	if err := q.refuse(t); err != nil {
		q.mu.Unlock()
		return Slot{}, err
	}
	w := &waiter{Ticket: t, done: make(chan struct{})}
	q.waiting.insert(w)
	q.serve()
	q.mu.Unlock()
	return q.wait(ctx, w)
}

// wait blocks until w was served or its context ended.
func (q *Queue) wait(ctx context.Context, w *waiter) (Slot, error) {
	select {
	case <-w.done:
		return w.slot, w.err
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-w.done:
		// Served at the same moment: the slot goes on to the next one.
		if w.err == nil {
			q.release(w.slot)
		}
	default:
		q.waiting.remove(w)
	}
	return Slot{}, ErrLeft
}

// refuse says why t cannot even wait; nil if it can. q.mu is held.
func (q *Queue) refuse(t Ticket) error {
	switch {
	case q.closed:
		return errClosed()
	case !t.Ungated && q.gate.beyond(t.Deadline):
		return q.gate.refusal()
	case t.Retry || q.limits.Unbounded || q.servable(t):
		return nil
	case q.waiting.len >= q.limits.Size:
		return q.full(fmt.Sprintf("is full: %d of %d requests wait", q.waiting.len, q.limits.Size))
	case q.limits.MaxBytes > 0 && q.waiting.bytes+t.Bytes > q.limits.MaxBytes:
		return q.full(fmt.Sprintf("has no room for a body of %s: %s of %s wait",
			schema.FormatSize(t.Bytes), schema.FormatSize(q.waiting.bytes), schema.FormatSize(q.limits.MaxBytes)))
	default:
		return nil
	}
}

// servable reports whether t would get a slot without waiting: a waiter that
// could be served has been. q.mu is held.
func (q *Queue) servable(t Ticket) bool {
	return q.free() && (t.Ungated || q.gate.admits())
}

// free reports whether a slot is left. q.mu is held.
func (q *Queue) free() bool {
	return q.limits.MaxConcurrent <= 0 || q.inFlight < q.limits.MaxConcurrent
}

// serve grants slots to waiters as long as there are slots. q.mu is held.
func (q *Queue) serve() {
	for q.free() {
		w := q.next()
		if w == nil {
			return
		}
		q.waiting.remove(w)
		q.pace.handover(q.waiting.len > 0)
		w.slot = q.grant(w.Ticket)
		w.slot.Waited = true
		close(w.done)
	}
}

// next is the first waiter that may have a slot now. q.mu is held.
func (q *Queue) next() *waiter {
	if q.gate.admits() {
		return q.waiting.first
	}
	for w := q.waiting.first; w != nil; w = w.next {
		if w.Ungated {
			return w
		}
	}
	return nil
}

// grant takes a slot for t. q.mu is held.
func (q *Queue) grant(t Ticket) Slot {
	q.inFlight++
	q.running.Store(int64(q.inFlight))
	if q.granted != nil {
		q.granted(t.Seq, q.inFlight)
	}
	slot := Slot{q: q}
	if !t.Ungated && !q.gate.open() {
		slot.trial = q.beginTrial()
	}
	return slot
}

// Resize changes the limits. Slots that are taken and requests that wait are
// left alone: a smaller queue fills up again only below its new limits.
func (q *Queue) Resize(limits Limits) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits = limits
	q.serve()
}

// SetConcurrency moves the number of slots until the next [Queue.Resize]; 0 means
// no limit. Slots that are taken stay so.
func (q *Queue) SetConcurrency(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits.MaxConcurrent = n
	q.serve()
}

// Concurrency is the number of slots as it is now; 0 means no limit.
func (q *Queue) Concurrency() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limits.MaxConcurrent
}

// InFlight is the number of slots that are taken. It takes no lock.
func (q *Queue) InFlight() int { return int(q.running.Load()) }

// SetPacer sets who is asked before a request is sent; nil for nobody.
func (q *Queue) SetPacer(p Pacer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pacer = p
	q.serve()
}

// Wake looks for requests that may go now, since the pacer's levels have changed.
func (q *Queue) Wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serve()
}

// Close refuses all waiting and further requests with CodeShutdown. Slots that
// are taken stay so until they are released.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.gate.stop()
	for w := q.waiting.first; w != nil; w = q.waiting.first {
		q.fail(w, errClosed())
	}
}

// fail sends a waiter away. q.mu is held.
func (q *Queue) fail(w *waiter, err error) {
	q.waiting.remove(w)
	w.err = err
	close(w.done)
}

// Stats are a queue's numbers at one moment.
type Stats struct {
	Waiting  int
	Bytes    int64 // of the waiting requests' bodies
	InFlight int
	// HeldUntil is when the gate lets the next request through; zero while the
	// gate is open.
	HeldUntil time.Time
}

// Stats returns the numbers of this moment.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Stats{Waiting: q.waiting.len, Bytes: q.waiting.bytes, InFlight: q.inFlight}
	if !q.gate.open() {
		s.HeldUntil = q.gate.until
	}
	return s
}

// Slot is the right to run one attempt. The zero Slot is none.
type Slot struct {
	// Waited is true if the slot was not granted at once.
	Waited bool

	q     *Queue
	trial uint64 // number of the gate's trial that the slot is, 0 if it is none
}

// Passed tells the queue that the service answered and did not ask to be left
// alone, which opens the gate if this slot was its trial. Call it before
// Release, as soon as it is known.
func (s Slot) Passed() {
	if s.trial == 0 {
		return
	}
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.q.passTrial(s.trial)
}

// ReleaseAt is Release by a caller that has just read the clock.
func (s Slot) ReleaseAt(time.Time) { s.Release() }

// Release gives the slot back. It must be called exactly once.
func (s Slot) Release() {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.q.release(s)
}

// release gives a slot back. q.mu is held.
func (q *Queue) release(s Slot) {
	if q.inFlight == 0 {
		panic("queue: slot released twice")
	}
	q.inFlight--
	q.running.Store(int64(q.inFlight))
	if s.trial != 0 {
		q.dropTrial(s.trial)
	}
	if q.waiting.first != nil {
		q.serve()
	}
}

func errClosed() error {
	return &provider.Error{
		Code: provider.CodeShutdown, Source: provider.SourceHost,
		Message: "the endpoint is closing and takes no more requests",
	}
}
