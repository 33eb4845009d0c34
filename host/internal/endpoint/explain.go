package endpoint

import (
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// Explain returns what the endpoint's policies would do with a request now, and
// by which numbers. Hedging is left to who decides on it.
func (e *Endpoint) Explain() status.Explanation {
	now := time.Now()
	set := e.settings.Load()
	x := status.Explanation{
		Endpoint: e.id, At: now, Circuit: e.breaker.Status(), Retry: set.retry.Explain(), Key: e.key.explain(now),
		Limits: e.pacing.pacer.Explain(now),
	}
	x.Queue, x.Gate = e.queue.Explain()
	if l := e.adapt.Load(); l != nil {
		x.Adapt = l.Explain()
	}
	x.Verdict = e.verdict(&x, set)
	return x
}

// InFlight is the number of attempts that are running. It takes no lock.
func (e *Endpoint) InFlight() int { return e.queue.InFlight() }

// Available reports whether the endpoint is likely to take a request now: it is
// not closed, its key does not rest, its circuit is not open, its gate not shut
// and its queue not full. It is a hint for who can choose between endpoints.
func (e *Endpoint) Available() bool {
	now := time.Now()
	if e.closing.Err() != nil || e.key.explain(now) != nil || e.breaker.Refusal() != nil {
		return false
	}
	q := e.queue.Stats()
	policy := &e.settings.Load().policy.Queue
	slots := e.queue.Concurrency()
	full := policy.Enabled && slots > 0 && q.InFlight >= slots && q.Waiting >= policy.Size
	// A gate whose time is over lets a request through as its trial. If none went
	// where the gate was shut, none would ever find out that it can open.
	return !full && !now.Before(q.HeldUntil)
}
