package queue

import (
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/status"
)

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
	s := Stats{Waiting: q.waiting.len, Bytes: q.waiting.bytes, InFlight: q.slots.taken()}
	if !q.gate.open() {
		s.HeldUntil = q.gate.until
	}
	return s
}

// Explain describes the queue as it is now, and its gate unless that is open. The
// estimate is for a request of normal priority from the tenant "".
func (q *Queue) Explain() (status.QueueNow, *status.GateNow) {
	now := q.now(time.Time{})
	q.mu.Lock()
	defer q.mu.Unlock()
	s := status.QueueNow{
		Waiting: q.waiting.len, Size: q.limits.Size, Unbounded: q.limits.Unbounded,
		Bytes: q.waiting.bytes, MaxBytes: q.limits.MaxBytes,
		InFlight: q.slots.taken(), MaxConcurrent: q.limits.MaxConcurrent,
	}
	if !q.slots.free() || q.waiting.len > 0 || !q.gate.open() {
		s.Estimate = q.estimate(&Ticket{}, now)
	}
	s.Target, s.Interval = q.patience(now)
	q.waiting.each(func(w *waiter) {
		s.Oldest = max(s.Oldest, now-w.since)
	})
	q.waiting.eachTenant(func(t *tenant) {
		s.Overloaded = s.Overloaded || (s.Target > 0 && q.gate.open() && now-q.standing(t) >= s.Interval)
	})
	for i := range q.waiting.classes {
		if c := &q.waiting.classes[i]; c.len > 0 {
			s.Classes = append(s.Classes, c.explain(priorities[i]))
		}
	}
	return s, q.gate.explain()
}

// priorities are those of a crowd's classes.
var priorities = [...]caller.Priority{caller.High, caller.Normal, caller.Low}

func (c *class) explain(p caller.Priority) status.ClassNow {
	now := status.ClassNow{Priority: p.String(), Waiting: c.len}
	for t := c.first; t != nil; t = t.next {
		now.Tenants = append(now.Tenants, status.TenantNow{Tenant: t.name, Waiting: t.len})
	}
	return now
}

func (g *gate) explain() *status.GateNow {
	if g.open() {
		return nil
	}
	now := &status.GateNow{Until: g.until}
	if g.why != nil {
		now.Why = g.why.Message
	}
	return now
}
