package circuit

import (
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// Open opens the circuit by hand, for the time d or, if d is 0, until it is
// closed by hand. It replaces an open time that has begun, and it works on a
// disabled breaker, which then lets nothing through until the time is over.
// After the time d a probe decides, as after any open time.
func (b *Breaker) Open(reason string, d time.Duration) {
	b.mu.Lock()
	defer b.unlock()
	b.reopened = 0
	b.open(byHand("opened", reason), max(d, 0), true)
}

// Close closes the circuit by hand: its counts start anew, and what attempts
// from before bring is ignored. It does nothing to a circuit that is closed, or
// to a disabled breaker that is not open.
func (b *Breaker) Close(reason string) {
	b.mu.Lock()
	defer b.unlock()
	if s := b.current(); s == status.CircuitOpen || s == status.CircuitHalfOpen {
		b.rest(byHand("closed", reason))
	}
}

// Stop ends the timer of the open time, for an endpoint that closes: from then
// on the end of an open time is noticed only by those who ask.
func (b *Breaker) Stop() {
	b.mu.Lock()
	defer b.unlock()
	b.stopTimer()
}

// byHand is the reason of a change that an operator made.
func byHand(what, reason string) string {
	what = "it was " + what + " by hand"
	if reason != "" {
		what += ": " + reason
	}
	return what
}
