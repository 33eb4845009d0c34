package circuit

import (
	"math"
	"sync/atomic"
	"time"
)

// good counts successes without a lock, as long as they can change nothing: no
// failure is in the window, so that one more success cannot open the circuit, and
// one has ended the row of failures. It is good for one bucket of one period, and
// what it has counted is put into the window when it ends.
type good struct {
	period uint64
	until  time.Duration // the end of the bucket, since the breaker's origin
	count  atomic.Int64  // negative once it has ended
}

// ended is what a count is set to, so low that it stays below zero.
const ended = math.MinInt64 / 2

// add counts a success if it still can.
func (g *good) add(p Permit, now time.Duration) bool {
	return g != nil && p.period == g.period && now < g.until && g.count.Add(1) > 0
}

// collect ends the lock-free count and puts it into the window, which is still at
// its bucket: whoever moves the window collects first. b.mu is held.
func (b *Breaker) collect() {
	if g := b.good.Swap(nil); g != nil {
		b.window.addGood(int(g.count.Swap(ended)))
	}
}

// spread begins a lock-free count for the window's latest bucket after an outcome,
// if nothing speaks against it. b.mu is held.
func (b *Breaker) spread() {
	if w := &b.window; w.sum.failures == 0 { // so the outcome was a success
		b.good.Store(&good{period: b.period, until: time.Duration(w.current+1) * w.width})
	}
}
