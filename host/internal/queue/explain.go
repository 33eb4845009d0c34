package queue

import (
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// Explain describes the queue as it is now, and its gate unless that is open.
func (q *Queue) Explain() (status.QueueNow, *status.GateNow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := status.QueueNow{
		Waiting: q.waiting.len, Size: q.limits.Size, Unbounded: q.limits.Unbounded,
		Bytes: q.waiting.bytes, MaxBytes: q.limits.MaxBytes,
		InFlight: q.inFlight, MaxConcurrent: q.limits.MaxConcurrent,
		Estimate: q.pace.mean * time.Duration(q.waiting.len+1),
	}
	if q.gate.open() {
		return now, nil
	}
	gate := &status.GateNow{Until: q.gate.until}
	if q.gate.why != nil {
		gate.Why = q.gate.why.Message
	}
	return now, gate
}
