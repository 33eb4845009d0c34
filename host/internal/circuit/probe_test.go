package circuit

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

func TestItIsHalfOpenAtTheTimeItTold(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		rest := trip(t, b)
		time.Sleep(rest - 1)
		if _, err := b.Allow(); err == nil {
			t.Fatal("an attempt was let through too early")
		}
		time.Sleep(time.Nanosecond)
		p, err := b.Allow()
		if err != nil {
			t.Fatalf("the probe was refused: %v", err)
		}
		wantState(t, b, status.CircuitHalfOpen)
		b.Done(p, Success, 0)
		wantState(t, b, status.CircuitClosed)
		if s := b.Status(); s.Failures != 0 || s.Total != 0 {
			t.Errorf("counts %d of %d survived the closing", s.Failures, s.Total)
		}
	})
}

func TestOpenTimesDoubleUpToTheirLimitWithLittleJitter(t *testing.T) {
	t.Parallel()
	var seen []time.Duration
	for range 50 {
		bubble(t, func(t *testing.T) {
			b := New(defaults(), nil)
			rest := trip(t, b)
			for i, seconds := range []int{5, 10, 20, 40, 60, 60} {
				want := time.Duration(seconds) * time.Second
				low, high := want-want/10, min(want+want/10, 60*time.Second)
				if rest < low || rest > high {
					t.Errorf("open time %d is %v, want %v ± 10 %% and at most 1m", i+1, rest, want)
				}
				seen = append(seen, rest)
				time.Sleep(rest)
				try(b, Failure)
				rest = time.Until(*b.Status().RetryAt)
			}
			time.Sleep(rest)
			try(b, Success)
			if rest := trip(t, b); rest > 5500*time.Millisecond {
				t.Errorf("after a success the open time is %v, want 5s again", rest)
			}
		})
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) < 100 {
		t.Error("open times do not vary")
	}
}

func TestAnOpenTimeIsNeverShorterThanRetryAfter(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		repeat(b, 9, Failure)
		p, _ := b.Allow()
		b.Done(p, Failure, 90*time.Second)
		time.Sleep(90*time.Second - 1)
		if try(b, Success) {
			t.Error("an attempt was let through before Retry-After")
		}
		time.Sleep(time.Nanosecond)
		if !try(b, Success) {
			t.Error("no attempt is let through after Retry-After")
		}
	})
}

func TestHalfOpenLetsNoMoreThanTheProbesThrough(t *testing.T) {
	t.Parallel()
	for _, probes := range []int{0, 1, 3} {
		bubble(t, func(t *testing.T) {
			cfg := defaults()
			cfg.Probes = probes
			b := New(cfg, nil)
			time.Sleep(trip(t, b))
			var allowed atomic.Int64
			var wg sync.WaitGroup
			for range 1000 {
				wg.Go(func() {
					if _, err := b.Allow(); err == nil {
						allowed.Add(1)
					}
				})
			}
			wg.Wait()
			if got, want := allowed.Load(), int64(max(probes, 1)); got != want {
				t.Errorf("%d of 1000 callers were let through, want %d", got, want)
			}
		})
	}
}

// A thousand callers come again and again while the service fails, works,
// cancels and loses probes: never are more under way than may be, and it never
// stays half open for longer than the longest open time.
func TestProbesStayBoundedWhateverBecomesOfThem(t *testing.T) {
	t.Parallel()
	for _, probes := range []int{1, 3} {
		bubble(t, func(t *testing.T) {
			cfg := defaults()
			cfg.Probes, cfg.MaxOpen, cfg.ConsecutiveFailures = probes, 20*time.Second, 1
			b := New(cfg, nil)
			trip(t, b)
			var mu sync.Mutex
			under := map[uint64]int{} // by period
			most, total := 0, 0
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					for n := range 50 {
						time.Sleep(time.Duration(1+(i*7+n*13)%5000) * time.Millisecond)
						p, err := b.Allow()
						if err != nil || !p.probe {
							b.Done(p, Failure, 0) // while closed: open it again
							continue
						}
						mu.Lock()
						under[p.period]++
						most, total = max(most, under[p.period]), total+1
						number := total
						mu.Unlock()
						time.Sleep(time.Duration(number%4) * time.Second)
						outcome := []Outcome{Ignored, Failure, Success, Ignored, Failure}[number%5]
						if number%7 == 0 {
							continue // lost: it is never given back
						}
						mu.Lock()
						under[p.period]--
						mu.Unlock()
						b.Done(p, outcome, 0)
					}
				})
			}
			wg.Wait()
			if most > probes || total < 10 {
				t.Errorf("up to %d of %d probes at once, want at most %d", most, total, probes)
			}
			h := b.Status().History
			for i := 1; i < len(h); i++ {
				if d := h[i].At.Sub(h[i-1].At); h[i-1].To == status.CircuitHalfOpen && d > 2*cfg.MaxOpen+5*time.Second {
					t.Errorf("half open for %v", d)
				}
			}
		})
	}
}

func TestAnIgnoredProbeGivesItsPermitBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		time.Sleep(trip(t, b))
		for range 5 {
			if !try(b, Ignored) {
				t.Fatal("the permit of a cancelled probe is lost")
			}
			wantState(t, b, status.CircuitHalfOpen)
		}
	})
}

func TestResultsFromAnotherPeriodAreIgnored(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		var old []Permit
		for range 60 {
			p, err := b.Allow()
			if err != nil {
				t.Fatal(err)
			}
			old = append(old, p)
		}
		rest := trip(t, b)
		for _, p := range old[:20] {
			b.Done(p, Success, 0)
		}
		wantState(t, b, status.CircuitOpen)
		time.Sleep(rest)
		probe, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range old[20:40] {
			b.Done(p, Failure, 0)
			b.Done(p, Success, 0)
		}
		wantState(t, b, status.CircuitHalfOpen)
		if try(b, Success) {
			t.Fatal("stale results freed a probe")
		}
		b.Done(probe, Success, 0)
		for _, p := range old[40:] {
			b.Done(p, Failure, 0)
		}
		if s := b.Status(); s.State != status.CircuitClosed || s.Total != 0 {
			t.Errorf("status %+v, want closed without counts", s)
		}
	})
}

func TestAProbeThatBeganToAnswerClosesAndIsStillCountedAtItsEnd(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		time.Sleep(trip(t, b))
		p, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		p = b.Began(p)
		wantState(t, b, status.CircuitClosed)
		b.Done(p, Failure, 0)
		if s := b.Status(); s.State != status.CircuitClosed || s.Failures != 1 || s.Total != 1 {
			t.Errorf("status %+v, want closed with one failure", s)
		}
	})
}

func TestAProbeThatBeganTooLateChangesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Probes = 2
		b := New(cfg, nil)
		time.Sleep(trip(t, b))
		slow, _ := b.Allow()
		try(b, Failure)
		wantState(t, b, status.CircuitOpen)
		slow = b.Began(slow)
		b.Done(slow, Success, 0)
		wantState(t, b, status.CircuitOpen)
	})
}

func TestAProbeThatIsStillOutTakesNoPlaceOfTheNextHalfOpenTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Probes = 2
		b := New(cfg, nil)
		time.Sleep(trip(t, b))
		if _, err := b.Allow(); err != nil {
			t.Fatal(err)
		}
		try(b, Failure)
		time.Sleep(time.Until(*b.Status().RetryAt))
		for i := range 2 {
			if _, err := b.Allow(); err != nil {
				t.Errorf("probe %d: %v", i+1, err)
			}
		}
	})
}

func TestALostProbeDoesNotKeepTheCircuitHalfOpen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		time.Sleep(trip(t, b))
		lost, _ := b.Allow()
		time.Sleep(time.Minute - 1)
		if _, err := b.Allow(); err == nil {
			t.Fatal("a second probe was let through within the longest open time")
		}
		time.Sleep(time.Nanosecond)
		p, err := b.Allow()
		if err != nil {
			t.Fatalf("still refused: %v", err)
		}
		b.Done(lost, Failure, 0)
		wantState(t, b, status.CircuitHalfOpen)
		b.Done(p, Success, 0)
		wantState(t, b, status.CircuitClosed)
	})
}
