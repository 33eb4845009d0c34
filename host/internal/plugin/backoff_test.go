package plugin

import (
	"testing"
	"time"
)

// near reports whether d is want within the jitter.
func near(d, want time.Duration) bool {
	slack := time.Duration(backoffJitter * float64(want))
	return d >= want-slack && d <= want+slack
}

func TestBackoffGrowsForAProcessThatNeverStarts(t *testing.T) {
	t.Parallel()
	var b backoff
	for i, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute, time.Minute} {
		if got := b.next(0); !near(got, want) {
			t.Errorf("delay %d is %v, want about %v", i, got, want)
		}
	}
}

func TestBackoffForgivesTheFirstCrash(t *testing.T) {
	t.Parallel()
	var b backoff
	if got := b.next(time.Second); got != 0 {
		t.Errorf("the first restart waits %v", got)
	}
	for i, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
		if got := b.next(time.Second); !near(got, want) {
			t.Errorf("delay %d is %v, want about %v", i, got, want)
		}
	}
}

func TestBackoffRestartsASteadyProcessAtOnce(t *testing.T) {
	t.Parallel()
	var b backoff
	for range 5 {
		b.next(0)
	}
	if got := b.next(steadyAfter); got != 0 {
		t.Errorf("a process that was steady waits %v", got)
	}
	if got := b.next(0); !near(got, 16*time.Second) {
		t.Errorf("the crashes before it were forgotten: %v", got)
	}
	if got := b.next(forgetAfter); got != 0 {
		t.Errorf("a healthy process waits %v", got)
	}
	if got := b.next(time.Second); !near(got, 500*time.Millisecond) {
		t.Errorf("after long health the delay is %v", got)
	}
}

func TestBackoffIsSpread(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 20 {
		var b backoff
		seen[b.next(0)] = true
	}
	if len(seen) < 10 {
		t.Errorf("20 delays have only %d values", len(seen))
	}
}
