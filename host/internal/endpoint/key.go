package endpoint

import (
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// keyRest lets the endpoint's key rest after the service has said that its money
// or its allowance is used up: each further request would only be told the same.
// Requests that bring a key of their own are not concerned. It is safe for
// concurrent use.
type keyRest struct{ now atomic.Pointer[resting] }

// resting is one rest of the key.
type resting struct {
	until time.Time
	why   string
}

// longestRest is for services that name the end of the month: money is often paid
// before, which nobody tells the host.
const longestRest = time.Hour

// begin lets the key rest for d, or for as long as the service asked if that is
// longer, up to longestRest.
func (k *keyRest) begin(d time.Duration, err *provider.Error, now time.Time) {
	k.now.Store(&resting{until: now.Add(max(d, min(err.RetryAfter, longestRest))), why: err.Message})
}

// end lets the key be used again, since it may be another one.
func (k *keyRest) end() { k.now.Store(nil) }

// refusal is the error for a request of the endpoint's key while it rests, else
// nil.
func (k *keyRest) refusal(r *run, now time.Time) *provider.Error {
	rest := k.now.Load()
	if rest == nil || r.ownKey() || !now.Before(rest.until) {
		return nil
	}
	left := max(rest.until.Sub(now), time.Millisecond)
	return &provider.Error{
		Code: provider.CodeQuota, Source: provider.SourceHost, RetryAfter: left,
		Message: "the endpoint's key is not used for another " + schema.FormatDuration(left.Round(time.Millisecond)) +
			" (quota_cooldown), since the service said: " + rest.why,
	}
}

// explain returns the state of the key, nil if it is used.
func (k *keyRest) explain(now time.Time) *status.KeyCooldown {
	rest := k.now.Load()
	if rest == nil || !now.Before(rest.until) {
		return nil
	}
	return &status.KeyCooldown{Until: rest.until, Code: provider.CodeQuota, Why: rest.why}
}
