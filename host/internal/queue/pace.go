package queue

import (
	"maps"
	"time"
)

// Pacer says when a request may be sent. It is asked under the queue's lock, in
// the order in which requests wait: Take returns 0 if the request may go now,
// which is then booked, else the time until it could. Ahead is the time until it
// could if as many like it went before. Return takes back what was booked for a
// request that was not sent after all. They must not call the queue.
type Pacer interface {
	Take(now time.Time, model string, tokens int64) time.Duration
	Ahead(now time.Time, model string, tokens int64, before int) time.Duration
	Return(now time.Time, model string, tokens int64)
}

// pace is what the pacer has said.
type pace struct {
	pacer Pacer
	// until is when the models that were over their pace can be asked for again.
	// Until then all their requests wait, also smaller ones: they would take the
	// level that the first one waits for. A time that has passed stays, as the one
	// from which the waits of its model count, until nobody waits.
	until map[string]time.Duration
}

// paced reports whether the pacer lets t go now, which is then booked. If not,
// the queue looks again when it could. q.mu is held.
func (q *Queue) paced(t *Ticket, now time.Duration) bool {
	if q.pace.until[t.Model] > now {
		return false
	}
	wait := q.pace.pacer.Take(q.born.Add(now), t.Model, t.Tokens)
	if wait <= 0 {
		return true
	}
	if t.NoWait {
		return false // it leaves at once, so nobody need wait behind it
	}
	if q.pace.until == nil {
		q.pace.until = make(map[string]time.Duration)
	}
	q.prune()
	q.pace.until[t.Model] = now + wait
	q.arm(now+wait, now)
	return false
}

// paces is the wait that t must expect for its pace alone, 0 if it is not known
// that it has to, and how many of those who wait do so for a pace: they are not in
// the way of a slot. q.mu is held.
func (q *Queue) paces(t *Ticket, now time.Duration) (wait time.Duration, kept int) {
	if q.pace.pacer == nil || len(q.pace.until) == 0 {
		return 0, 0
	}
	alike := 0
	q.waiting.each(func(w *waiter) {
		if w.Ungated || q.pace.until[w.Model] <= now {
			return
		}
		kept++
		if w.Model == t.Model {
			alike++
		}
	})
	if t.Ungated || q.pace.until[t.Model] <= now {
		return 0, kept
	}
	return max(q.pace.until[t.Model]-now, q.pace.pacer.Ahead(q.born.Add(now), t.Model, t.Tokens, alike)), kept
}

// SetPacer sets who is asked before a request is sent; nil for nobody.
func (q *Queue) SetPacer(p Pacer) {
	now := q.now(time.Time{})
	q.lock()
	defer q.unlock()
	q.pace.pacer = p
	q.askAgain(now)
}

// Wake looks for requests that may go now, since the pacer's levels have changed.
func (q *Queue) Wake() {
	q.lock()
	defer q.unlock()
	if q.waiting.len == 0 {
		clear(q.pace.until)
		return
	}
	q.askAgain(q.now(time.Time{}))
}

// maxIdlePaces bounds the models that are kept though none of their requests
// waits: callers can ask for any name.
const maxIdlePaces = 64

// prune forgets models for which nobody waits, if there are many: as long as the
// queue is never empty nothing else does. q.mu is held.
func (q *Queue) prune() {
	if len(q.pace.until) <= q.waiting.len+maxIdlePaces {
		return
	}
	awaited := make(map[string]bool, q.waiting.len)
	q.waiting.each(func(w *waiter) { awaited[w.Model] = true })
	maps.DeleteFunc(q.pace.until, func(model string, _ time.Duration) bool { return !awaited[model] })
}

// askAgain asks the pacer again for all who wait. q.mu is held.
func (q *Queue) askAgain(now time.Duration) {
	if q.closed {
		return
	}
	for model, until := range q.pace.until {
		q.pace.until[model] = min(until, now)
	}
	q.look(now)
}

// forget follows the leave of a waiter. If it was waiting for its pace, the next
// one of its model may need less. q.mu is held.
func (q *Queue) forget(w *waiter, now time.Duration) {
	switch {
	case len(q.pace.until) == 0:
	case q.waiting.len == 0:
		clear(q.pace.until)
	case q.pace.until[w.Model] > now && !w.Ungated:
		q.pace.until[w.Model] = now
		q.serve(now)
	}
}
