package endpoint

import (
	"time"

	"github.com/backplane-dev/backplane/host/internal/retry"
	"github.com/backplane-dev/backplane/host/status"
)

// Explain returns what the endpoint's policies would do with a request now, and
// by which numbers.
func (e *Endpoint) Explain() status.Explanation {
	set := e.settings.Load()
	q := e.queue.Stats()
	x := status.Explanation{
		Endpoint: e.id, At: time.Now(), Circuit: e.breaker.Status(),
		Queue: status.QueueNow{
			Waiting: q.Waiting, Bytes: q.Bytes, InFlight: q.InFlight,
			Size: set.policy.Queue.Size, MaxBytes: set.policy.Queue.MaxBytes,
			MaxConcurrent: set.policy.Queue.MaxConcurrent, Unbounded: !set.policy.Queue.Enabled,
		},
		Retry: status.RetryNow{Max: set.policy.Retry.Max, Tokens: set.retry.Budget().Tokens(), Capacity: retry.BudgetCap},
	}
	if !q.HeldUntil.IsZero() {
		x.Gate = &status.GateNow{Until: q.HeldUntil, Why: "the service asked to wait"}
	}
	x.Verdict = verdict(&x)
	return x
}

// verdict says what would become of a request that arrived now.
func verdict(x *status.Explanation) string {
	q := &x.Queue
	switch {
	case x.Circuit.State == status.CircuitOpen:
		return "refused: the circuit breaker is open"
	case x.Gate != nil:
		return "waits: " + x.Gate.Why
	case q.MaxConcurrent <= 0 || (q.InFlight < q.MaxConcurrent && q.Waiting == 0):
		return "sent at once"
	case !q.Unbounded && q.Waiting >= q.Size:
		return "refused: the queue is full"
	default:
		return "waits in the queue"
	}
}

// InFlight is the number of attempts that are running.
func (e *Endpoint) InFlight() int { return e.queue.Stats().InFlight }

// Available reports whether the endpoint is likely to take a request now: its
// circuit is not open, its gate not shut and its queue not full. It is a hint
// for who can choose between endpoints.
func (e *Endpoint) Available() bool {
	q := e.queue.Stats()
	policy := &e.settings.Load().policy.Queue
	full := policy.Enabled && policy.MaxConcurrent > 0 && q.InFlight >= policy.MaxConcurrent && q.Waiting >= policy.Size
	return !full && q.HeldUntil.IsZero() && e.breaker.Refusal() == nil
}
