package circuit

import (
	"fmt"
	"math"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// probeAdvice is the RetryAfter of those refused while a probe is under way.
const probeAdvice = time.Second

// freshness is how long a refusal serves all who come. Making one takes some
// hundred nanoseconds, and those who are refused come in crowds.
const freshness = time.Millisecond

// refusal is the error of one state at one moment.
type refusal struct {
	err     *provider.Error
	until   time.Duration // since the breaker's origin
	certain bool          // the circuit is open: no attempt has a chance
}

// holds reports whether the refusal may be used again.
func (r *refusal) holds(origin time.Time) bool {
	return r != nil && time.Since(origin) < r.until
}

// refuse makes the error of the current state, open or half open, and keeps it
// for those who come at once. b.mu is held.
func (b *Breaker) refuse() error {
	e := &provider.Error{Code: provider.CodeCircuitOpen, Source: provider.SourceHost, RetryAfter: probeAdvice}
	r := &refusal{err: e, until: time.Since(b.origin) + freshness, certain: b.state == status.CircuitOpen}
	switch {
	case b.state == status.CircuitHalfOpen:
		givenUp := b.probedAt.Add(b.longest())
		e.RetryAfter = min(e.RetryAfter, max(time.Until(givenUp), time.Millisecond))
		r.until = min(r.until, givenUp.Sub(b.origin))
		e.Message = fmt.Sprintf("the circuit breaker is half open: %d of %d probes are under way; it had opened because %s",
			b.probes, max(b.cfg.Probes, 1), b.reason)
	case b.retryAt.IsZero():
		r.until, e.RetryAfter = math.MaxInt64, 0
		e.Message = "the circuit breaker is open until it is closed by hand, because " + b.reason
	default:
		e.RetryAfter = max(time.Until(b.retryAt), time.Millisecond)
		r.until = min(r.until, b.retryAt.Sub(b.origin))
		e.Message = fmt.Sprintf("the circuit breaker is open for another %s because %s",
			schema.FormatDuration(e.RetryAfter.Round(time.Millisecond)), b.reason)
	}
	b.told.Store(r)
	return e
}
