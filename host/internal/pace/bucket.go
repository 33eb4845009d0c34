package pace

import (
	"math"
	"time"
)

// minWait is the shortest wait that is told: a timer set for less would fire
// for nothing.
const minWait = time.Millisecond

// bucket holds the allowance of one meter: it fills at a constant rate up to
// its size, and requests take from it. The zero bucket is no limit.
//
// It is ours and not golang.org/x/time/rate's, which can neither be set to what
// a service says is left, nor be given back what a request did not use, nor be
// asked along with others before any of them is booked.
type bucket struct {
	limit  float64 // per period, as configured or announced
	period time.Duration
	size   float64 // the highest level
	rate   float64 // per second; 0 is no limit
	level  float64 // below 0 after a request that took more than there was
	at     time.Time
}

// advance fills the bucket up to now. A clock that was read before the latest
// change is no reason to go back.
func (b *bucket) advance(now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.level = min(b.level+b.rate*d.Seconds(), b.size)
		b.at = now
	}
}

// wait is the time until the cost can be taken, 0 for now. A cost above the
// size can be taken from a full bucket.
func (b *bucket) wait(cost float64, now time.Time) time.Duration { return b.waitBehind(0, cost, now) }

// waitBehind is the time until the cost can be taken after something else has been.
func (b *bucket) waitBehind(before, cost float64, now time.Time) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.advance(now)
	missing := before + min(cost, b.size) - b.level
	if missing <= 1e-9 { // what sums of fractions are off by
		return 0
	}
	return max(seconds(missing/b.rate), minWait)
}

// take takes the cost, or gives it back if it is negative.
func (b *bucket) take(cost float64) {
	if b.rate != 0 {
		b.level = min(b.level-cost, b.size)
	}
}

// seconds is the duration of s seconds, rounded up and within bounds.
func seconds(s float64) time.Duration {
	return time.Duration(math.Ceil(min(s, (365*24*time.Hour).Seconds()) * float64(time.Second)))
}

// burst is the part of a minute's allowance that a bucket of the configuration
// holds: six seconds' worth.
const burst = 0.1

// configure sets a limit of the configuration, in amounts per minute. A new
// bucket is full; one that was there keeps its level.
func (b *bucket) configure(perMinute int, now time.Time) {
	if perMinute <= 0 {
		*b = bucket{}
		return
	}
	if b.rate == 0 {
		b.level, b.at = math.Inf(1), now
	}
	b.advance(now)
	b.limit, b.period = float64(perMinute), time.Minute
	b.rate = b.limit / b.period.Seconds()
	b.size = b.limit * burst
	b.level = min(b.level, b.size)
}
