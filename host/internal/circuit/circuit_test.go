package circuit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func defaults() config.Breaker { return config.DefaultPolicy().Breaker }

// bubble runs f in a bubble that outlives the library's timers, which cannot be
// stopped.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t)
		time.Sleep(24 * time.Hour)
	})
}

// try makes one attempt with the given outcome and reports whether it was allowed.
func try(b *Breaker, o Outcome) bool {
	p, err := b.Allow()
	if err != nil {
		return false
	}
	b.Done(p, o, 0)
	return true
}

func repeat(b *Breaker, n int, o Outcome) {
	for range n {
		try(b, o)
	}
}

func wantState(t *testing.T, b *Breaker, want status.CircuitState) {
	t.Helper()
	if got := b.Status().State; got != want {
		t.Fatalf("state %s, want %s", got, want)
	}
}

// trip opens a breaker with default settings and returns the open time.
func trip(t *testing.T, b *Breaker) time.Duration {
	t.Helper()
	repeat(b, 10, Failure)
	wantState(t, b, status.CircuitOpen)
	return time.Until(*b.Status().RetryAt)
}

func TestItOpensAboveTheRateAndNotAtIt(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		repeat(b, 5, Success)
		repeat(b, 5, Failure)
		wantState(t, b, status.CircuitClosed) // exactly 50 %
		try(b, Failure)
		wantState(t, b, status.CircuitOpen)
		s := b.Status()
		if s.Failures != 6 || s.Total != 11 || s.Trips != 1 {
			t.Errorf("status %+v, want 6 of 11 and one trip", s)
		}
	})
}

func TestItDoesNotJudgeFewRequests(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		repeat(b, 9, Failure)
		wantState(t, b, status.CircuitClosed)
		try(b, Success) // the tenth request, of which nine failed
		wantState(t, b, status.CircuitOpen)
	})
}

func TestARateThatIsMetExactlyDoesNotOpen(t *testing.T) {
	t.Parallel()
	for percent := 1; percent < 100; percent++ {
		cfg := defaults()
		cfg.ErrorRate, cfg.MinRequests = float64(percent)/100, 100
		b := New(cfg, nil)
		repeat(b, percent, Failure)
		repeat(b, 100-percent, Success)
		wantState(t, b, status.CircuitClosed)
	}
}

func TestIgnoredOutcomesDoNotCount(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		repeat(b, 100, Ignored)
		repeat(b, 9, Failure)
		wantState(t, b, status.CircuitClosed)
		if s := b.Status(); s.Total != 9 {
			t.Errorf("total %d, want 9", s.Total)
		}
	})
}

func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		repeat(b, 9, Failure)
		time.Sleep(61 * time.Second)
		repeat(b, 9, Failure)
		wantState(t, b, status.CircuitClosed)
		try(b, Failure)
		wantState(t, b, status.CircuitOpen)
	})
}

// A service that fails altogether after a healthy minute is found out when half
// of the window has failed: after 30 s, at any rate.
func TestATotalOutageOpensAfterHalfTheWindow(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []int{1, 10, 100} {
		bubble(t, func(t *testing.T) {
			b := New(defaults(), nil)
			pause := time.Second / time.Duration(perSecond)
			for range 60 * perSecond {
				try(b, Success)
				time.Sleep(pause)
			}
			start := time.Now()
			for try(b, Failure) {
				time.Sleep(pause)
			}
			if got := time.Since(start); got < 29*time.Second || got > 32*time.Second {
				t.Errorf("at %d/s it opened after %v, want 30s", perSecond, got)
			}
		})
	}
}

func TestConsecutiveFailuresOpenAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		cfg.ConsecutiveFailures = 4
		b := New(cfg, nil)
		repeat(b, 100, Success)
		repeat(b, 3, Failure)
		try(b, Success)
		repeat(b, 3, Failure)
		try(b, Ignored) // neither breaks the row nor adds to it
		wantState(t, b, status.CircuitClosed)
		try(b, Failure)
		wantState(t, b, status.CircuitOpen)
		if h := b.Status().History; h[0].Reason != "4 attempts failed in a row" {
			t.Errorf("reason %q", h[0].Reason)
		}
	})
}

func TestAnOpenBreakerSaysWhyAndForHowLong(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		rest := trip(t, b)
		time.Sleep(time.Second)
		rest -= time.Second
		_, err := b.Allow()
		for _, err := range []error{err, b.Refusal()} {
			var e *provider.Error
			if !errors.As(err, &e) || e.Code != provider.CodeCircuitOpen || e.Source != provider.SourceHost || e.RetryAfter != rest {
				t.Fatalf("got %#v, want circuit_open for %v", err, rest)
			}
			if !strings.Contains(e.Message, "10 of 10 attempts failed within 1m") {
				t.Errorf("message %q does not say why", e.Message)
			}
		}
	})
}

func TestTheWindowForgetsBucketByBucket(t *testing.T) {
	t.Parallel()
	for gap := range 3 * buckets {
		w := newWindow(time.Minute)
		for i := range buckets {
			w.add(time.Duration(i)*time.Second, i%2 == 0)
		}
		last := buckets - 1 + gap
		want := count{}
		for i := last - buckets + 1; i < buckets; i++ {
			want.total++
			if i%2 == 0 {
				want.failures++
			}
		}
		if got := w.at(time.Duration(last) * time.Second); got != want {
			t.Errorf("%d s after the last outcome: %+v, want %+v", gap, got, want)
		}
	}
}

func TestADisabledBreakerLetsAllThrough(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Enabled = false
		b := New(cfg, nil)
		repeat(b, 1000, Failure)
		if s := b.Status(); s.State != status.CircuitDisabled || s.History != nil || !try(b, Failure) {
			t.Errorf("status %+v, want disabled without history", s)
		}
	})
}

func TestConfigureTurnsItOffAndOn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		stale, _ := b.Allow()
		trip(t, b)
		cfg := defaults()
		cfg.OpenFor = time.Minute
		b.Configure(cfg)
		wantState(t, b, status.CircuitOpen) // other settings leave the state alone
		cfg.Enabled = false
		b.Configure(cfg)
		wantState(t, b, status.CircuitDisabled)
		cfg.Enabled = true
		b.Configure(cfg)
		b.Done(stale, Failure, 0)
		if s := b.Status(); s.State != status.CircuitClosed || s.Total != 0 {
			t.Errorf("status %+v, want closed without counts", s)
		}
	})
}

func TestHistoryKeepsTheLatestChanges(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex // the end of an open time is told by its timer
		var told []status.Transition
		b := New(defaults(), func(tr status.Transition) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, tr)
		})
		rest := trip(t, b)
		for range 15 {
			time.Sleep(rest)
			synctest.Wait()
			try(b, Failure)
			rest = time.Until(*b.Status().RetryAt)
		}
		mu.Lock()
		defer mu.Unlock()
		s := b.Status()
		if len(s.History) != historySize || s.Trips != 16 {
			t.Fatalf("%d changes and %d trips, want %d and 16", len(s.History), s.Trips, historySize)
		}
		if !slices.Equal(s.History, told[len(told)-historySize:]) || len(told) != 31 {
			t.Errorf("history %v differs from what was told: %v", s.History, told)
		}
		last := s.History[historySize-1]
		if last.From != status.CircuitHalfOpen || last.To != status.CircuitOpen || last.Reason != "a probe failed" || !last.At.Equal(s.Since) {
			t.Errorf("last change %+v", last)
		}
	})
}

func TestTheListenerMayAskTheBreaker(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var b *Breaker
		var mu sync.Mutex
		var seen []string
		b = New(defaults(), func(tr status.Transition) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprintf("%s>%s", tr.From, b.Status().State))
		})
		time.Sleep(trip(t, b))
		synctest.Wait()
		try(b, Success)
		mu.Lock()
		defer mu.Unlock()
		want := []string{"closed>open", "open>half_open", "half_open>closed"}
		if !slices.Equal(seen, want) {
			t.Errorf("seen %v, want %v", seen, want)
		}
	})
}

func BenchmarkClosed(b *testing.B) {
	br := New(defaults(), nil)
	b.ReportAllocs()
	for b.Loop() {
		try(br, Success)
	}
}

func BenchmarkClosedContended(b *testing.B) {
	br := New(defaults(), nil)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			try(br, Success)
		}
	})
}
