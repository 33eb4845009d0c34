package pace

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/config"
)

// What Ahead foretells for a crowd of requests that are alike is what then becomes
// of each, if they are let go as soon as they may.
func TestAheadForetellsWhenEachOfManyGoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cfg := perMinute(rapid.IntRange(0, 300).Draw(rt, "requests"), rapid.IntRange(0, 50_000).Draw(rt, "tokens"))
		cfg.Models = []config.ModelLimits{{Name: "m", RequestsPerMinute: rapid.IntRange(0, 300).Draw(rt, "of the model")}}
		cost := rapid.Int64Range(0, 4000).Draw(rt, "cost")
		p, now := New(cfg), time.Now()
		crowd := make([]time.Duration, rapid.IntRange(1, 40).Draw(rt, "crowd"))
		for i := range crowd {
			crowd[i] = p.Ahead(now, "m", cost, i)
		}
		begin := now
		for i, foretold := range crowd {
			for {
				wait := p.Take(now, "m", cost)
				if wait == 0 {
					break
				}
				now = now.Add(wait)
			}
			// Each wait is rounded up to what a timer is worth, so they add up to more.
			if off := now.Sub(begin) - foretold; off < -minWait || off > time.Duration(i+1)*minWait {
				rt.Fatalf("request %d of %d went after %v, foretold was %v", i, len(crowd), now.Sub(begin), foretold)
			}
		}
	})
}

func TestWithoutLimitsNobodyIsAhead(t *testing.T) {
	t.Parallel()
	if d := New(config.Limits{}).Ahead(time.Now(), "m", 1000, 1000); d != 0 {
		t.Errorf("behind a thousand without limits one would wait %v", d)
	}
}
