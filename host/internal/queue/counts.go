package queue

import "github.com/backplane-dev/backplane/host/status"

// counts are what a queue has done since it was made, or they were reset.
type counts struct {
	full, bytes, room, late, overload uint64 // refusals, see status.Refusal
	paced                             uint64
}

// Refused returns how many requests the queue has not taken or not kept, by
// reason; nil if there are none. Close and the gate refuse for reasons that are
// not the queue's.
func (q *Queue) Refused() map[status.Refusal]uint64 {
	q.mu.Lock()
	c := q.counts
	q.mu.Unlock()
	var refused map[status.Refusal]uint64
	for _, r := range []struct {
		reason status.Refusal
		n      uint64
	}{
		{status.RefusedFull, c.full}, {status.RefusedBytes, c.bytes}, {status.RefusedRoom, c.room},
		{status.RefusedLate, c.late}, {status.RefusedOverload, c.overload},
	} {
		if r.n > 0 {
			if refused == nil {
				refused = make(map[status.Refusal]uint64)
			}
			refused[r.reason] = r.n
		}
	}
	return refused
}

// Paced returns how many requests had to wait though a slot was free, because
// the pacer did not let them go.
func (q *Queue) Paced() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts.paced
}

// ResetCounts starts the counts of refusals and paced requests anew.
func (q *Queue) ResetCounts() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts = counts{}
}
