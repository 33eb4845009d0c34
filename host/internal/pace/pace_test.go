package pace

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func defaults() config.Limits { return config.DefaultPolicy().Limits }

func perMinute(requests, tokens int) config.Limits {
	cfg := defaults()
	cfg.RequestsPerMinute, cfg.TokensPerMinute = requests, tokens
	return cfg
}

// wantWait asks for one request and checks the answer to a millisecond.
func wantWait(t *testing.T, p *Pacer, now time.Time, model string, tokens int64, want time.Duration) {
	t.Helper()
	if got := p.Take(now, model, tokens); got < want || got > want+time.Millisecond {
		t.Errorf("a request of %d tokens waits %v, want %v", tokens, got, want)
	}
}

func TestWithoutLimitsAllRequestsGo(t *testing.T) {
	t.Parallel()
	p, now := New(defaults()), time.Now()
	for range 10_000 {
		wantWait(t, p, now, "m", 1_000_000, 0)
	}
	if x := p.Explain(now); x != nil {
		t.Errorf("limits %v, want none", x)
	}
}

func TestRequestsBeyondSixSecondsWorthAreSpread(t *testing.T) {
	t.Parallel()
	p, now := New(perMinute(60, 0)), time.Now()
	for range 6 {
		wantWait(t, p, now, "m", 0, 0)
	}
	wantWait(t, p, now, "m", 0, time.Second)
	wantWait(t, p, now, "m", 0, time.Second) // what was refused is not booked
	wantWait(t, p, now.Add(time.Second), "m", 0, 0)
	wantWait(t, p, now.Add(time.Second), "m", 0, time.Second)
}

func TestALimitOfOneRequestStillLetsOneGo(t *testing.T) {
	t.Parallel()
	p, now := New(perMinute(1, 0)), time.Now()
	wantWait(t, p, now, "m", 0, 0)
	wantWait(t, p, now, "m", 0, time.Minute)
	wantWait(t, p, now.Add(time.Minute), "m", 0, 0)
}

// Whatever the demand, no minute sees more than the burst above the limit, and
// no hour more than the limit and one burst.
func TestTheConfiguredRateIsKeptInEveryMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 600).Draw(rt, "limit")
		gaps := rapid.SliceOfN(rapid.IntRange(0, 5000), 10, 300).Draw(rt, "gaps")
		p, now := New(perMinute(limit, 0)), time.Now().Add(time.Second)
		var sent []time.Time
		for _, gap := range gaps {
			now = now.Add(time.Duration(gap) * time.Millisecond)
			for n := 0; n < 20; n++ {
				d := p.Take(now, "m", 0)
				if d > 0 {
					if n == 0 && gap%2 == 0 {
						now = now.Add(d) // who waits as told may go then
						if again := p.Take(now, "m", 0); again > 0 {
							rt.Fatalf("told to wait %v, and then another %v", d, again)
						}
						sent = append(sent, now)
					}
					break
				}
				sent = append(sent, now)
			}
		}
		most := float64(limit) + max(float64(limit)*burst, 1)
		for i, first := 0, 0; i < len(sent); i++ {
			for sent[i].Sub(sent[first]) >= time.Minute {
				first++
			}
			if n := i - first + 1; float64(n) > most+1e-6 {
				rt.Fatalf("%d requests within a minute, limit %d", n, limit)
			}
		}
	})
}

func TestTokensAreBookedByEstimateAndSettledByUse(t *testing.T) {
	t.Parallel()
	p, now := New(perMinute(0, 6000)), time.Now() // 600 at once, 100 a second
	wantWait(t, p, now, "m", 500, 0)
	wantWait(t, p, now, "m", 500, 4*time.Second)
	p.Settle(now, "m", 500, &provider.Usage{Input: 50, Output: 50}) // no total: their sum
	wantWait(t, p, now, "m", 500, 0)
	p.Settle(now, "m", 500, &provider.Usage{Total: 1000}) // twice what was booked
	wantWait(t, p, now, "m", 100, 6*time.Second)
	p.Settle(now, "m", 500, nil) // not known: the estimate stays
	wantWait(t, p, now, "m", 100, 6*time.Second)
}

func TestARequestLargerThanTheBurstGoesFromAFullBucketAndIsPaidBack(t *testing.T) {
	t.Parallel()
	p, now := New(perMinute(0, 6000)), time.Now()
	wantWait(t, p, now, "m", 3000, 0)
	wantWait(t, p, now, "m", 3000, 30*time.Second)
	p.Settle(now, "m", 3000, &provider.Usage{})
	wantWait(t, p, now, "m", 3000, 0)
}

func TestWhatComesBackDoesNotOverfillABucket(t *testing.T) {
	t.Parallel()
	p, now := New(perMinute(0, 6000)), time.Now().Add(time.Second)
	wantWait(t, p, now, "m", 100, 0)
	p.Settle(now, "m", 500, &provider.Usage{})
	wantWait(t, p, now, "m", 600, 0)
	wantWait(t, p, now, "m", 100, time.Second)
}

func TestAModelHasItsOwnRatesBesideThoseOfTheEndpoint(t *testing.T) {
	t.Parallel()
	cfg := perMinute(600, 0)
	cfg.Models = []config.ModelLimits{{Name: "big-*", RequestsPerMinute: 6}, {Name: "*", TokensPerMinute: 600}}
	p, now := New(cfg), time.Now()
	wantWait(t, p, now, "big-1", 1_000_000, 0)
	wantWait(t, p, now, "big-1", 1, 10*time.Second)
	wantWait(t, p, now, "big-2", 1, 0) // models are limited one by one
	wantWait(t, p, now, "small", 60, 0)
	wantWait(t, p, now, "small", 60, 6*time.Second)
}

func TestOneModelsWaitDoesNotTakeFromTheEndpointsRate(t *testing.T) {
	t.Parallel()
	cfg := perMinute(60, 0)
	cfg.Models = []config.ModelLimits{{Name: "a", RequestsPerMinute: 1}}
	p, now := New(cfg), time.Now()
	wantWait(t, p, now, "a", 0, 0)
	for range 100 {
		wantWait(t, p, now, "a", 0, time.Minute)
	}
	for range 5 {
		wantWait(t, p, now, "b", 0, 0)
	}
	wantWait(t, p, now, "b", 0, time.Second)
}

func TestNewLimitsKeepTheLevels(t *testing.T) {
	t.Parallel()
	p := New(perMinute(60, 0))
	now := time.Now()
	for range 6 {
		wantWait(t, p, now, "m", 0, 0)
	}
	p.Configure(perMinute(120, 0))
	if d := p.Take(now, "m", 0); d <= 0 || d > 500*time.Millisecond {
		t.Errorf("after the limit was doubled a request waits %v, want half a second", d)
	}
	p.Configure(perMinute(0, 0))
	wantWait(t, p, now, "m", 0, 0)
	p.Configure(perMinute(60, 0)) // a new limit begins full
	for range 6 {
		wantWait(t, p, time.Now(), "m", 0, 0)
	}
}

func TestTheNumberOfModelsIsBounded(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Models = []config.ModelLimits{{Name: "*", RequestsPerMinute: 1}}
	p, now := New(cfg), time.Now()
	for i := range 10 * maxModels {
		now = now.Add(time.Millisecond)
		wantWait(t, p, now, fmt.Sprint("m", i), 0, 0)
		if d := p.Take(now, "m0", 0); d == 0 && i > 0 {
			t.Fatal("the model that is in use was forgotten")
		}
	}
	if n := len(p.models); n != maxModels {
		t.Errorf("%d models are kept, want %d", n, maxModels)
	}
	long := make([]byte, 10_000)
	p.Take(now, string(long), 0)
	for name := range p.models {
		if len(name) > maxName {
			t.Errorf("a name of %d bytes is kept", len(name))
		}
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	cfg := perMinute(600, 60_000)
	cfg.Models = []config.ModelLimits{{Name: "m*", RequestsPerMinute: 100}}
	p, now := New(cfg), time.Now()
	p.Observe(now, "model", []provider.RateLimit{{Meter: "requests", Limit: 50, Remaining: 50}})
	usage := &provider.Usage{Total: 5}
	if n := testing.AllocsPerRun(1000, func() {
		if p.Take(now, "model", 10) == 0 {
			p.Settle(now, "model", 10, usage)
		}
		now = now.Add(100 * time.Millisecond)
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func TestAWaitIsNeverSoShortThatATimerIsWastedNorEndless(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ missing, rate float64 }{{1e-8, 1e9}, {1e300, 1e-300}, {1, math.SmallestNonzeroFloat64}} {
		b := bucket{rate: c.rate, size: c.missing, at: time.Now()}
		if d := b.wait(c.missing, b.at); d < minWait || d > 366*24*time.Hour {
			t.Errorf("missing %g at %g a second: %v", c.missing, c.rate, d)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	p, now := New(perMinute(100_000_000, 0)), time.Now()
	p.Observe(now, "model", []provider.RateLimit{{Meter: "requests", Limit: 1 << 40, Remaining: 1 << 40}})
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		p.Take(now, "model", 10)
	}
}

func TestWhatWasNotSentLeavesNoTrace(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := New(perMinute(60, 6000)) // 6 and 600 at once
	p.Observe(now, "m", []provider.RateLimit{{Meter: "requests", Limit: 600, Remaining: 600}})
	levels := func() (all []float64) {
		for _, l := range p.Explain(now) {
			all = append(all, l.Level)
		}
		return all
	}
	before := levels()
	for range 20 { // more than there is, if they were kept
		wantWait(t, p, now, "m", 500, 0)
		p.Return(now, "m", 500)
	}
	if got := levels(); !slices.Equal(got, before) {
		t.Errorf("levels %v, before %v", got, before)
	}
	if m := p.models["m"]; m.running != 0 || m.booked != (amounts{}) {
		t.Errorf("%d requests run, %v are booked; want none", m.running, m.booked)
	}
}
