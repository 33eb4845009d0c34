package circuit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
		var told []status.Transition
		b := New(defaults(), func(tr status.Transition) { told = append(told, tr) })
		rest := trip(t, b)
		for range 15 {
			time.Sleep(rest)
			try(b, Failure)
			rest = time.Until(*b.Status().RetryAt)
		}
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
		var seen []string
		b = New(defaults(), func(tr status.Transition) {
			seen = append(seen, fmt.Sprintf("%s>%s", tr.From, b.Status().State))
		})
		time.Sleep(trip(t, b))
		try(b, Success)
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
