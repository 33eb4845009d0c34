package pace

import (
	"math"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// margin is the part of an announced limit that is left alone, for what the
// mirror cannot see: requests of others, and the service's own rounding.
const margin = 0.05

// mirror follows what the service announced with an answer: what is left, and
// by the time until the allowance is full again how fast it grows.
//
// The service counts a request when it arrives and may tell when it has
// answered: it then knows nothing of the requests that were sent meanwhile. All
// of them are among those booked since no request was running. So the level
// never rises above what the service says, and it rises above our own count only
// to what is left even if the service has not seen any of these.
func (b *bucket) mirror(l provider.RateLimit, share, booked float64, now time.Time) {
	if b.rate == 0 {
		b.level, b.at = math.Inf(-1), now
	}
	b.advance(now)
	b.limit, b.period = float64(l.Limit), period(l, b.period)
	b.rate = b.limit * share / b.period.Seconds()
	b.size = b.limit * share * (1 - margin)
	left := (float64(l.Remaining) - b.limit*margin) * share
	b.level = min(max(b.level, left-min(booked, b.size)), left, b.size)
}

// usualPeriods are those in which services give their limits.
var usualPeriods = []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}

// period is the time in which an empty allowance becomes full: reset/(limit -
// remaining) for each part of it. It is taken for a usual period if it is near
// one, since reset times are rounded and come from another clock. known is what
// it was taken for before, and stays if the answer says too little: next to
// nothing is used, or the rest of the time is about as short as its error. At
// first it is a minute.
func period(l provider.RateLimit, known time.Duration) time.Duration {
	used := l.Limit - l.Remaining
	if l.Reset <= 0 || used <= 0 || (l.Reset < 10*time.Second && 2*used < l.Limit) {
		if known > 0 {
			return known
		}
		return time.Minute
	}
	d := seconds(l.Reset.Seconds() * float64(l.Limit) / float64(used))
	for _, usual := range usualPeriods {
		if d > usual/2 && d < 2*usual {
			return usual
		}
	}
	return max(d, time.Second)
}
