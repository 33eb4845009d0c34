package queue

import (
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// The bounds of the wait that a refusal advises.
const (
	minAdvice = time.Second
	maxAdvice = time.Minute
)

// refuse says why t cannot even wait; nil if it can. q.mu is held.
func (q *Queue) refuse(t *Ticket, now time.Duration) error {
	if err := q.kept(t, now); err != nil {
		return err
	}
	if t.Retry || q.limits.Unbounded {
		return nil
	}
	if err := q.late(t, now); err != nil {
		return err
	}
	if err := q.full(t, now); err != nil {
		return err
	}
	return nil
}

// worthMoving is the wait for a pace that is worth going to another endpoint.
const worthMoving = time.Second

// kept is the refusal of who does not wait for the gate or its pace; nil if it
// does, or need not.
func (q *Queue) kept(t *Ticket, now time.Duration) error {
	switch {
	case t.Ungated:
	case q.gate.beyond(t.Deadline):
		return q.gate.refusal(tooLong)
	case !t.Elsewhere:
	default:
		if limited := q.gate.limited(); limited != nil {
			return limited.refusal(elsewhere)
		}
		if wait := q.pace.until[t.Model] - now; wait >= worthMoving {
			return &provider.Error{
				Code: provider.CodeRateLimit, Source: provider.SourceHost, RetryAfter: wait,
				Message: fmt.Sprintf("the limits that the endpoint keeps let the next request go in %s, %s", text(wait), elsewhere),
			}
		}
	}
	return nil
}

// late is the refusal of who would be served too late to be answered before its
// deadline, as the queue moves now; nil if there is hope, or no way to tell.
func (q *Queue) late(t *Ticket, now time.Duration) *provider.Error {
	if t.Deadline.IsZero() {
		return nil
	}
	wait, answer, rest := q.estimate(t, now), q.times.answer(now), q.now(t.Deadline)-now
	if wait == 0 || wait+answer <= rest {
		return nil
	}
	q.counts.late++
	return q.refusal(wait, fmt.Sprintf(
		"would serve this request too late: in about %s, and an answer takes %s, but it has %s left; %s",
		text(wait), text(answer), text(rest), waits(q.waiting.len)))
}

// estimate is the wait that t must expect, 0 if that is not known. Of tenants
// that take turns, each gets at most one more turn before t than t's own has.
// Requests of higher priority that come later are not foreseen.
func (q *Queue) estimate(t *Ticket, now time.Duration) time.Duration {
	gap := q.flow.gap(now)
	if gap == 0 && q.limits.MaxConcurrent > 0 {
		gap = q.times.held(now) / time.Duration(q.limits.MaxConcurrent)
	}
	kept, paced := q.paces(t, now)
	if !t.Ungated && q.gate.phase == phaseShut {
		kept = max(kept, q.now(q.gate.until)-now)
	}
	ahead := 0
	class := classOf(t.Priority)
	for i := range class {
		ahead += q.waiting.classes[i].len
	}
	ahead = max(ahead+q.waiting.classes[class].ahead(t.Tenant)-paced, 0)
	return kept + gap*time.Duration(ahead+1)
}

// ahead is the number of waiters of the class that are served before a newcomer
// of the tenant.
func (c *class) ahead(name string) int {
	own, others := 0, c.count
	if t := c.tenants[name]; t != nil {
		own = t.len
		others--
	}
	return own + min(c.len-own, others*(own+1))
}

// full is the refusal of a queue without room for t; nil if there is room, or
// others have made some. A queue that is over its bounds, since they have been
// lowered, may exchange waiters but not grow.
func (q *Queue) full(t *Ticket, now time.Duration) *provider.Error {
	if over := q.waiting.len + 1 - q.limits.Size; over > 0 && !q.makeRoom(t, requests, 1, now) {
		q.counts.full++
		return q.refusal(q.advice(q.waiting.len, now), fmt.Sprintf(
			"is full: %d of %d requests %s", q.waiting.len, q.limits.Size, wait(q.waiting.len)))
	}
	room := q.limits.MaxBytes
	if over := q.waiting.bytes + t.Bytes - room; room > 0 && over > 0 && !q.makeRoom(t, bodies, min(over, t.Bytes), now) {
		q.counts.bytes++
		return q.refusal(q.advice(q.waiting.len, now), fmt.Sprintf(
			"has no room for a body of %s: %s of %s wait", schema.FormatSize(t.Bytes),
			schema.FormatSize(q.waiting.bytes), schema.FormatSize(room)))
	}
	return nil
}

// advice is when to come back to a queue in which so many wait: the time in which
// they will have been served, or the gate opens.
func (q *Queue) advice(waiting int, now time.Duration) time.Duration {
	advice := q.flow.gap(now) * time.Duration(waiting+1)
	if !q.gate.open() {
		advice = max(advice, q.now(q.gate.until)-now)
	}
	return advice
}

// refusal is a queue's error that says how it stands.
func (q *Queue) refusal(advice time.Duration, how string) *provider.Error {
	running := fmt.Sprintf("%d of %d are running", q.slots.taken(), q.limits.MaxConcurrent)
	if q.limits.MaxConcurrent <= 0 {
		running = fmt.Sprintf("%d are running", q.slots.taken())
	}
	return &provider.Error{
		Code: provider.CodeQueueFull, Source: provider.SourceHost,
		RetryAfter: min(max(advice, minAdvice), maxAdvice),
		Message:    "the endpoint's queue " + how + ", " + running,
	}
}

// text writes a duration for people.
func text(d time.Duration) string {
	unit := time.Millisecond
	if d < unit {
		unit = time.Microsecond
	}
	return schema.FormatDuration(d.Round(unit))
}

// waits says how many requests wait.
func waits(n int) string {
	if n == 1 {
		return "1 request waits"
	}
	return fmt.Sprintf("%d requests wait", n)
}

// wait is what so many do.
func wait(n int) string {
	if n == 1 {
		return "waits"
	}
	return "wait"
}
