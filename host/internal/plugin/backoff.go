package plugin

import (
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = 500 * time.Millisecond
	backoffMax   = 60 * time.Second
	// backoffJitter spreads the restarts of several providers: ± this share.
	backoffJitter = 0.2
	// steadyAfter is the health that earns an immediate restart: the crash was
	// not caused by the start.
	steadyAfter = 10 * time.Second
	// forgetAfter is the health after which earlier crashes do not count.
	forgetAfter = 5 * time.Minute
)

// backoff decides how long to wait before the next start of a process.
type backoff struct {
	failed bool          // there was a crash or a failed start
	delay  time.Duration // the latest, without jitter
}

// next returns the delay after a process that was ready for the given time, 0
// if it never was. The first restart after a crash is immediate, as is any
// after steadyAfter of health; else the delay grows by the factor 2 from
// backoffFirst to backoffMax.
func (b *backoff) next(ready time.Duration) time.Duration {
	if ready >= forgetAfter {
		*b = backoff{}
	}
	first := !b.failed
	b.failed = true
	if ready >= steadyAfter || (ready > 0 && first) {
		return 0
	}
	b.delay = min(max(2*b.delay, backoffFirst), backoffMax)
	return jittered(b.delay)
}

func jittered(d time.Duration) time.Duration {
	return d + time.Duration((2*rand.Float64()-1)*backoffJitter*float64(d))
}
