package endpoint

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestTheVerdictSaysWhatWouldBecomeOfARequest(t *testing.T) {
	t.Parallel()
	narrow := alone()
	narrow.Queue.MaxConcurrent, narrow.Queue.Size = 1, 1
	hold := steady()
	hold.Breaker.WhenOpen = config.WhenOpenHold
	call := func(t *testing.T, e *Endpoint, n int) {
		for range n {
			go func() { _, _, _ = e.Call(t.Context(), chat(), How{}) }()
			time.Sleep(time.Millisecond)
		}
	}
	for name, c := range map[string]struct {
		policy    config.Policy
		prepare   func(t *testing.T, e *Endpoint)
		verdict   string
		available bool
	}{
		"idle":    {steady(), func(*testing.T, *Endpoint) {}, "sent at once", true},
		"waiting": {narrow, func(t *testing.T, e *Endpoint) { call(t, e, 1) }, "waits in the queue, as the first", true},
		"full": {narrow, func(t *testing.T, e *Endpoint) { call(t, e, 2) },
			"refused: the queue is full, waiting: 1 of 1, running: 1 of 1", false},
		"open": {steady(), func(_ *testing.T, e *Endpoint) { e.OpenCircuit("why not", 5*time.Second) },
			"refused: the circuit is open for another 5s, because it was opened by hand: why not", false},
		"open for good": {steady(), func(_ *testing.T, e *Endpoint) { e.OpenCircuit("why not", 0) },
			"refused: the circuit is open until it is closed by hand, because it was opened by hand: why not", false},
		"holding": {hold, func(_ *testing.T, e *Endpoint) { e.OpenCircuit("why not", 5*time.Second) },
			"waits for the probe in 5s: the circuit is open, because it was opened by hand: why not", false},
		"half open": {steady(), func(_ *testing.T, e *Endpoint) { e.OpenCircuit("", time.Second); time.Sleep(time.Second) },
			"sent at once, as a probe: the circuit is half open", true},
		"gate": {steady(), func(_ *testing.T, e *Endpoint) { e.queue.Hold(time.Now().Add(3*time.Second), rateLimit(0)) },
			"waits for another 3s at least: slow down", false},
		"closing": {steady(), func(_ *testing.T, e *Endpoint) { e.Close() }, "refused: the endpoint is closing", false},
	} {
		bubble(t, func(t *testing.T) {
			e, _ := build(c.policy, &fake{call: work(time.Minute)})
			c.prepare(t, e)
			x := e.Explain()
			if x.Verdict != c.verdict || !x.At.Equal(time.Now()) || x.Endpoint != "e" {
				t.Errorf("%s: %q, want %q", name, x.Verdict, c.verdict)
			}
			if got := e.Available(); got != c.available {
				t.Errorf("%s: available %v", name, got)
			}
			if x.Retry.Max != c.policy.Retry.Max || x.Circuit.State == "" || x.Queue.MaxConcurrent != c.policy.Queue.MaxConcurrent {
				t.Errorf("%s: %+v", name, x)
			}
			e.Close()
		})
	}
}

func TestQuantilesOfTheLastMinute(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var r recentTimes
		if _, ok := r.quantile(0.5, time.Now()); ok {
			t.Error("no samples, but a quantile")
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		var all []time.Duration
		for range 2000 {
			d := time.Duration(rnd.ExpFloat64() * float64(800*time.Millisecond))
			all = append(all, d)
			r.add(d, time.Now())
		}
		slices.Sort(all)
		for _, q := range []float64{0.5, 0.9, 0.95, 0.99} {
			got, ok := r.quantile(q, time.Now())
			want := all[int(q*2000)-1]
			if !ok || got < want || float64(got) > 1.13*float64(want) {
				t.Errorf("the quantile %v is %s, want %s or a little more", q, got, want)
			}
		}
		time.Sleep(30 * time.Second)
		for range minSamples {
			r.add(time.Hour, time.Now())
		}
		if got, ok := r.quantile(1, time.Now()); !ok || got < time.Hour {
			t.Errorf("the greatest is %s", got)
		}
		time.Sleep(30 * time.Second)
		if got, ok := r.quantile(0.01, time.Now()); !ok || got < time.Hour {
			t.Errorf("after a minute the old ones still count: %s", got)
		}
		time.Sleep(time.Hour)
		if _, ok := r.quantile(0.5, time.Now()); ok {
			t.Error("an hour later there is still a quantile")
		}
	})
}

func TestEachTimeFallsIntoABucketThatIsNarrow(t *testing.T) {
	t.Parallel()
	for us := int64(1); us < int64(time.Hour/time.Microsecond); us += 1 + us/50 {
		d := time.Duration(us) * time.Microsecond
		i := pulseBucket(d)
		if up := pulseUpper(i); up < d || float64(up) > 1.125*float64(d)+1000 || i > 0 && pulseUpper(i-1) > d {
			t.Fatalf("%s falls into bucket %d, which ends at %s", d, i, up)
		}
	}
	if pulseBucket(-1) != 0 || pulseBucket(1<<62) != pulseBuckets-1 {
		t.Error("extreme times have no bucket")
	}
}

func TestTheSmoothedLatencyRisesAtOnceAndFallsSlowly(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		fail, d := false, 100*time.Millisecond
		f := &fake{}
		e, _ := build(alone(), f)
		f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
			if fail {
				return nil, upstreamError()
			}
			return work(d)(ctx, req)
		}
		near := func(when string, want time.Duration) {
			if got := e.Latency(); got < want*9/10 || got > want*11/10 {
				t.Errorf("%s: %s, want about %s", when, got, want)
			}
		}
		call := func() { _, _, _ = e.Call(t.Context(), chat(), How{}) }
		if e.Latency() != 0 {
			t.Error("something is known before the first request")
		}
		call()
		near("the first", d)
		d = 2 * time.Second
		call()
		near("a slow one", d)
		d = 100 * time.Millisecond
		for range 100 {
			call()
		}
		near("many quick ones", 800*time.Millisecond) // ten seconds later
		fail = true
		call()
		near("a failure", failurePenalty)
		time.Sleep(10 * time.Second)
		near("without requests", failurePenalty*37/100)
	})
}

func TestTimesToTheFirstTokenAndOfWholeAnswersAreApart(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := streams(func(int) []piece { return []piece{started(), data("a").in(time.Second), finished(1)} })
		f.call = work(20 * time.Second)
		policy := alone()
		policy.Queue.MaxConcurrent = 0
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		for range 3 * minSamples { // some are lost when a generation begins
			time.Sleep(time.Millisecond) // and more if all end at the same moment
			wg.Go(func() { _, _, _ = e.Call(t.Context(), chat(), How{}) })
			wg.Go(func() {
				s, _, err := e.Stream(t.Context(), chat(), How{})
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = drain(s)
			})
		}
		wg.Wait()
		if d, ok := e.FirstToken(0.95); !ok || d < time.Second || d > 1200*time.Millisecond {
			t.Errorf("first token %s, %v", d, ok)
		}
		if d, ok := e.AnswerTime(0.95); !ok || d < 20*time.Second || d > 23*time.Second {
			t.Errorf("whole answers %s, %v", d, ok)
		}
		if e.InFlight() != 0 || e.Stats().Circuit.State != status.CircuitDisabled {
			t.Error("not quiet")
		}
	})
}
