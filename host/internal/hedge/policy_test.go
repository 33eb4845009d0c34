package hedge

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/config"
)

func on() config.Hedge {
	cfg := config.DefaultPolicy().Hedge
	cfg.Enabled = true
	return cfg
}

// known returns times that say d.
func known(d time.Duration) func(float64) (time.Duration, bool) {
	return func(float64) (time.Duration, bool) { return d, true }
}

func unknown(float64) (time.Duration, bool) { return 0, false }

func TestAnAttemptIsSlowAfterTheQuantileOfRecentTimes(t *testing.T) {
	t.Parallel()
	p := New(on())
	now := time.Unix(1000, 0)
	if _, ok := p.Arm(Chunk, now, unknown); ok {
		t.Error("an endpoint of which nothing is known is hedged")
	}
	var asked float64
	d, ok := p.Arm(Chunk, now, func(q float64) (time.Duration, bool) { asked = q; return 700 * time.Millisecond, true })
	if !ok || d != 700*time.Millisecond || asked != 0.95 {
		t.Errorf("got %v, %v, by the quantile %v", d, ok, asked)
	}
	if d, _ := p.Arm(Chunk, now.Add(reread-1), known(time.Hour)); d != 700*time.Millisecond {
		t.Errorf("the delay was read again too early: %v", d)
	}
	if d, _ := p.Arm(Chunk, now.Add(reread), known(time.Millisecond)); d != 50*time.Millisecond {
		t.Errorf("the least delay was undercut: %v", d)
	}
	if d, ok := p.Arm(Chunk, now.Add(time.Hour), unknown); !ok || d != 50*time.Millisecond {
		t.Errorf("after a quiet time: %v, %v", d, ok)
	}
	if d, _ := p.Arm(Answer, now, known(4*time.Second)); d != 4*time.Second {
		t.Errorf("whole answers have the delay of chunks: %v", d)
	}
}

func TestOneRequestInTwentyMayBeHedged(t *testing.T) {
	t.Parallel()
	p := New(on())
	for n := 1; n <= 1000; n++ {
		p.Arm(Chunk, time.Unix(0, 0), known(time.Second))
		if got := p.Take(); got != (n%20 == 0) {
			t.Fatalf("after %d requests: %v", n, got)
		}
	}
}

// TestTheBudgetIsKeptAtEveryMoment: second attempts that were sent never exceed
// their share of the requests, whatever was saved up, taken and returned.
func TestTheBudgetIsKeptAtEveryMoment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := on()
		cfg.Budget = rapid.SampledFrom([]float64{0, 0.01, 0.05, 0.1, 0.33, 1}).Draw(t, "budget")
		p := New(cfg)
		requests, out := 0, 0
		for range rapid.IntRange(1, 600).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				requests++
				p.Arm(Chunk, time.Unix(0, 0), unknown)
			case 2:
				if p.Take() {
					out++
				}
			case 3:
				if out > 0 && rapid.Bool().Draw(t, "not sent") {
					p.Return()
					out--
				}
			}
			x := p.Explain()
			if int(x.Sent) != out || x.Tokens > burst || x.Tokens < 0 {
				t.Fatalf("%d are out, explained as %+v", out, x)
			}
			if float64(out) > cfg.Budget*float64(requests)+1e-6 {
				t.Fatalf("%d second attempts of %d requests", out, requests)
			}
		}
	})
}

func TestQuietTimesSaveUpTenAtMost(t *testing.T) {
	t.Parallel()
	p := New(on())
	for range 10_000 {
		p.Arm(Chunk, time.Unix(0, 0), unknown)
	}
	sent := 0
	for p.Take() {
		sent++
	}
	if sent != burst {
		t.Errorf("%d at once, want %d", sent, burst)
	}
}

func TestAPolicyIsChangedAndExplained(t *testing.T) {
	t.Parallel()
	p := New(config.Hedge{})
	if p.Enabled() || p.Explain() != nil {
		t.Error("hedging is off by default")
	}
	p.Configure(on())
	for range 40 {
		p.Arm(Answer, time.Unix(0, 0), known(2*time.Second))
	}
	p.Take()
	p.Won()
	x := p.Explain()
	if !p.Enabled() || x.Delay != 2*time.Second || x.Sent != 1 || x.Won != 1 || x.Tokens < 0.99 || x.Tokens > 1.01 {
		t.Errorf("got %+v", x)
	}
	p.Arm(Chunk, time.Unix(0, 0), known(time.Second))
	if x := p.Explain(); x.Delay != time.Second {
		t.Errorf("the delay of streams comes first, got %v", x.Delay)
	}
}

func TestManyTakeNoMoreThanThereIs(t *testing.T) {
	t.Parallel()
	cfg := on()
	cfg.Budget = 1
	p := New(cfg)
	var mu sync.Mutex
	var wg sync.WaitGroup
	sent := 0
	for range 50 {
		wg.Go(func() {
			for range 20 {
				p.Arm(Chunk, time.Unix(0, 0), unknown)
				if p.Take() {
					mu.Lock()
					sent++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if x := p.Explain(); sent > 1000 || int(x.Sent) != sent {
		t.Errorf("%d of 1000 requests had a second attempt, explained as %+v", sent, x)
	}
}
