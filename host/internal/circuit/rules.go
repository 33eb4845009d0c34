package circuit

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// openJitter spreads open times, so that many hosts do not probe at once.
const openJitter = 0.1

// tripped reports whether the counts open the breaker, and why. b.mu is held.
func (b *Breaker) tripped(now time.Duration) (string, bool) {
	if n := b.cfg.ConsecutiveFailures; n > 0 && b.streak >= n {
		return fmt.Sprintf("%d attempts failed in a row", b.streak), true
	}
	c := b.window.at(now)
	// A quotient of two integers is rounded just like the configured rate, so
	// that a rate which is met exactly does not trip.
	if c.failures == 0 || c.total < b.cfg.MinRequests || float64(c.failures)/float64(c.total) <= b.cfg.ErrorRate {
		return "", false
	}
	return fmt.Sprintf("%d of %d attempts failed within %s", c.failures, c.total, schema.FormatDuration(b.cfg.Window)), true
}

// openTime is the length of the next open time: OpenFor, doubled for each probe
// that failed since the breaker was closed, never more than MaxOpen. b.mu is held.
func (b *Breaker) openTime() time.Duration {
	limit := b.longest()
	d := max(b.cfg.OpenFor, time.Millisecond)
	for i := 0; i < b.reopened && d < limit; i++ {
		d *= 2
	}
	d = min(d, limit)
	d += time.Duration((2*rand.Float64() - 1) * openJitter * float64(d))
	if d > limit {
		d = 2*limit - d // mirrored, not cut: the longest times are spread as well
	}
	return d
}

// longest is the longest open time. b.mu is held.
func (b *Breaker) longest() time.Duration {
	return max(b.cfg.MaxOpen, b.cfg.OpenFor, time.Millisecond)
}

// probeFree reports whether one more probe may go. A probe that has had no
// outcome for the longest open time is given up, so that a lost one cannot keep
// the circuit half open for ever. b.mu is held.
func (b *Breaker) probeFree() bool {
	if b.probes < max(b.cfg.Probes, 1) {
		return true
	}
	if time.Since(b.probedAt) < b.longest() {
		return false
	}
	b.period++ // what the old ones bring is of no interest any more
	b.probes = 0
	return true
}
