package circuit

import (
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// historySize is the number of changes of state that are remembered.
const historySize = 20

// history holds the latest changes of state.
type history struct {
	ring [historySize]status.Transition
	n    int // changes so far
}

func (h *history) add(t status.Transition) {
	h.ring[h.n%historySize] = t
	h.n++
}

// list returns what is remembered, oldest first; nil if there was no change.
func (h *history) list() []status.Transition {
	var all []status.Transition
	for i := max(0, h.n-historySize); i < h.n; i++ {
		all = append(all, h.ring[i%historySize])
	}
	return all
}

// Status returns the state and the numbers of this moment.
func (b *Breaker) Status() status.Circuit {
	b.mu.Lock()
	defer b.unlock()
	state := b.current()
	b.collect()
	counts := b.window.at(time.Since(b.origin))
	s := status.Circuit{
		State: state, Since: b.since,
		Failures: counts.failures, Total: counts.total,
		Trips: b.trips, History: b.history.list(),
	}
	if at := b.retryAt; state == status.CircuitOpen && !at.IsZero() {
		s.RetryAt = &at
	}
	return s
}
