package circuit

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// A share p of failures after a healthy minute makes up more than half of the
// window after 30 s / p, whatever the rate of requests.
func TestASteadyShareOfFailuresOpensAfterThirtySecondsThroughTheShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bad, of int
		want    time.Duration
	}{
		{1, 1, 30 * time.Second}, {4, 5, 37500 * time.Millisecond}, {3, 5, 50 * time.Second},
	} {
		for _, perSecond := range []int{5, 10, 100} {
			bubble(t, func(t *testing.T) {
				b := New(defaults(), nil)
				pause := time.Second / time.Duration(perSecond)
				for range 60 * perSecond {
					try(b, Success)
					time.Sleep(pause)
				}
				start := time.Now()
				for i := 0; ; i++ {
					o := Success
					if i%c.of < c.bad {
						o = Failure
					}
					if !try(b, o) {
						break
					}
					time.Sleep(pause)
				}
				// A window in which exactly half failed is not over the limit: the next
				// failure opens, and at 5/s that is half a second later.
				slack := time.Second + time.Duration(c.of-c.bad)*pause
				if got := b.Status().Since.Sub(start); got < c.want-time.Second || got > c.want+slack {
					t.Errorf("%d of %d failing at %d/s: open after %v, want %v - 1s + %v", c.bad, c.of, perSecond, got, c.want, slack)
				}
			})
		}
	}
}

func TestFailuresInARowOpenOnTheLastOfThem(t *testing.T) {
	t.Parallel()
	for perSecond, want := range map[int]time.Duration{10: 900 * time.Millisecond, 1: 9 * time.Second} {
		bubble(t, func(t *testing.T) {
			cfg := defaults()
			cfg.ConsecutiveFailures = 10
			b := New(cfg, nil)
			for range 60 {
				repeat(b, perSecond, Success)
				time.Sleep(time.Second)
			}
			start := time.Now()
			for try(b, Failure) {
				time.Sleep(time.Second / time.Duration(perSecond))
			}
			if got := b.Status().Since.Sub(start); got != want {
				t.Errorf("at %d/s open after %v, want %v", perSecond, got, want)
			}
		})
	}
}

func TestARowOfFailuresBeginsAnewWhenTheCircuitCloses(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		cfg.ConsecutiveFailures = 4
		b := New(cfg, nil)
		repeat(b, 4, Failure)
		time.Sleep(time.Until(b.RetryAt()))
		try(b, Success)
		repeat(b, 3, Failure)
		wantState(t, b, status.CircuitClosed)
		try(b, Failure)
		wantState(t, b, status.CircuitOpen)
	})
}

func TestTheEndOfTheOpenTimeIsNoticedWithoutACall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []status.Transition
		b := New(defaults(), func(tr status.Transition) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, tr)
		})
		start := time.Now()
		rest := trip(t, b)
		time.Sleep(rest - 1)
		synctest.Wait()
		mu.Lock()
		early := len(told)
		mu.Unlock()
		if early != 1 {
			t.Fatalf("%d changes before the end of the open time", early)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 2 || told[1].To != status.CircuitHalfOpen || !told[1].At.Equal(start.Add(rest)) {
			t.Fatalf("told %v, want half open at %v", told, start.Add(rest))
		}
	})
}

func TestChangesAreToldInTheirOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []status.Transition
		cfg := defaults()
		cfg.ConsecutiveFailures, cfg.OpenFor, cfg.MaxOpen = 1, time.Millisecond, time.Millisecond
		b := New(cfg, func(tr status.Transition) {
			time.Sleep(time.Duration(len(tr.To)) * time.Microsecond) // some take longer to tell
			mu.Lock()
			defer mu.Unlock()
			told = append(told, tr)
		})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for n := range 50 {
					try(b, Outcome(1+(i+n)%2))
					time.Sleep(time.Duration(i+n) * 100 * time.Microsecond)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(told) < 50 {
			t.Fatalf("only %d changes: the test shows nothing", len(told))
		}
		for i := 1; i < len(told); i++ {
			if told[i].From != told[i-1].To {
				t.Fatalf("change %d is from %s after one to %s", i, told[i].From, told[i-1].To)
			}
		}
		if s := b.Status(); !slices.Equal(s.History, told[len(told)-len(s.History):]) {
			t.Error("the history ends otherwise")
		}
	})
}

func TestTheLongestOpenTimesAreSpreadAsWell(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.OpenFor = cfg.MaxOpen
	b := New(cfg, nil)
	atLimit, low := 0, 0
	for range 1000 {
		switch d := b.openTime(); {
		case d > cfg.MaxOpen || d < cfg.MaxOpen*9/10:
			t.Fatalf("open time %v, want 54s to 60s", d)
		case d == cfg.MaxOpen:
			atLimit++
		case d < cfg.MaxOpen*95/100:
			low++
		}
	}
	if atLimit > 1 || low < 400 || low > 600 {
		t.Errorf("%d of 1000 are just the limit and %d in the lower half", atLimit, low)
	}
}

func TestOpenTimesThatAreZeroStillEnd(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.OpenFor, cfg.MaxOpen = 0, 0
	b := New(cfg, nil)
	b.reopened = 1 << 60
	if d := b.openTime(); d <= 0 || d > time.Millisecond {
		t.Errorf("open time %v, want about a millisecond", d)
	}
}
