package circuit

import (
	"errors"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// refused returns the error of an attempt that must not be allowed.
func refused(t *testing.T, b *Breaker) *provider.Error {
	t.Helper()
	_, err := b.Allow()
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != provider.CodeCircuitOpen {
		t.Fatalf("got %v, want circuit_open", err)
	}
	return e
}

func lastReason(b *Breaker) string {
	h := b.Status().History
	return h[len(h)-1].Reason
}

func TestOpenByHandLastsItsTimeAndThenAProbeDecides(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		stale, _ := b.Allow()
		b.Open("the service moves house", 10*time.Minute)
		e := refused(t, b)
		if e.RetryAfter != 10*time.Minute || e.Message != "the circuit breaker is open for another 10m because it was opened by hand: the service moves house" {
			t.Errorf("refused for %v: %q", e.RetryAfter, e.Message)
		}
		b.Done(stale, Success, 0)
		time.Sleep(10*time.Minute - 1)
		wantState(t, b, status.CircuitOpen)
		time.Sleep(time.Nanosecond)
		wantState(t, b, status.CircuitHalfOpen)
		try(b, Failure)
		if rest := time.Until(b.RetryAt()); rest < 9*time.Second || rest > 11*time.Second {
			t.Errorf("after a failed probe it is open for %v, want 10s", rest)
		}
		time.Sleep(time.Until(b.RetryAt()))
		try(b, Success)
		wantState(t, b, status.CircuitClosed)
	})
}

func TestOpenByHandWithoutATimeLastsUntilItIsClosedByHand(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		b.Open("", 0)
		time.Sleep(100 * 24 * time.Hour)
		e := refused(t, b)
		if e.RetryAfter != 0 || e.Message != "the circuit breaker is open until it is closed by hand, because it was opened by hand" {
			t.Errorf("refused for %v: %q", e.RetryAfter, e.Message)
		}
		if s := b.Status(); s.RetryAt != nil || !b.RetryAt().IsZero() || s.State != status.CircuitOpen {
			t.Errorf("status %+v, want open without an end", s)
		}
		b.Close("all is well")
		wantState(t, b, status.CircuitClosed)
		if got := lastReason(b); got != "it was closed by hand: all is well" {
			t.Errorf("reason %q", got)
		}
		if !try(b, Success) {
			t.Error("still refused")
		}
	})
}

func TestCloseByHandForgetsTheTrouble(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		time.Sleep(trip(t, b))
		probe, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		b.Close("")
		b.Done(probe, Failure, 0)
		if s := b.Status(); s.State != status.CircuitClosed || s.Total != 0 {
			t.Errorf("status %+v, want closed without counts", s)
		}
		if rest := trip(t, b); rest > 5500*time.Millisecond {
			t.Errorf("the next open time is %v, want that of a first opening", rest)
		}
	})
}

func TestCloseByHandLeavesAClosedCircuitAlone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		repeat(b, 9, Failure)
		b.Close("")
		if s := b.Status(); s.Total != 9 || s.History != nil {
			t.Errorf("status %+v, want 9 failures and no change", s)
		}
	})
}

func TestOpenByHandReplacesTheOpenTimeThatHasBegun(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		trip(t, b)
		refused(t, b)
		b.Open("longer", time.Hour)
		time.Sleep(time.Minute)
		if e := refused(t, b); e.RetryAfter != 59*time.Minute {
			t.Errorf("refused for %v, want 59m", e.RetryAfter)
		}
		b.Open("shorter", time.Second)
		time.Sleep(time.Second)
		wantState(t, b, status.CircuitHalfOpen)
		if s := b.Status(); s.Trips != 3 || len(s.History) != 4 {
			t.Errorf("%d openings and %d changes, want 3 and 4", s.Trips, len(s.History))
		}
	})
}

func TestOpenByHandBeginsAnewWithTheLengthOfOpenTimes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		trip(t, b)
		for range 3 {
			time.Sleep(time.Until(b.RetryAt()))
			try(b, Failure)
		}
		b.Open("", time.Second)
		time.Sleep(time.Second)
		try(b, Failure)
		if rest := time.Until(b.RetryAt()); rest > 11*time.Second {
			t.Errorf("after a failed probe it is open for %v, want 10s", rest)
		}
	})
}

func TestADisabledBreakerCanBeOpenedByHandAndNeedsNoProbeAfterwards(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Enabled = false
		b := New(cfg, nil)
		b.Open("", time.Minute)
		refused(t, b)
		time.Sleep(time.Minute)
		wantState(t, b, status.CircuitDisabled)
		b.Open("", 0)
		b.Close("")
		wantState(t, b, status.CircuitDisabled)
		repeat(b, 100, Failure)
		wantState(t, b, status.CircuitDisabled)
	})
}

func TestASettingThatChangesDoesNotUndoAnOpeningByHand(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		b.Open("", time.Minute)
		cfg := defaults()
		cfg.Enabled = false
		b.Configure(cfg)
		wantState(t, b, status.CircuitOpen)
		cfg.Enabled = true
		b.Configure(cfg)
		wantState(t, b, status.CircuitOpen)
		time.Sleep(time.Minute)
		wantState(t, b, status.CircuitHalfOpen)
	})
}

func TestAStoppedBreakerTellsNoMoreByItself(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		told := 0
		b := New(defaults(), func(status.Transition) { told++ })
		b.Open("", time.Minute)
		b.Stop()
		time.Sleep(time.Hour)
		if told != 1 {
			t.Errorf("%d changes were told, want only the opening", told)
		}
		wantState(t, b, status.CircuitHalfOpen) // for who asks
	})
}

func TestAPermitSaysInWhichStateItWasGiven(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		b := New(cfg, nil)
		want := func(state status.CircuitState) {
			t.Helper()
			p, err := b.Allow()
			if err != nil || p.State() != state {
				t.Errorf("%v, %v; want a permit of a %s circuit", p.State(), err, state)
			}
			b.Done(p, Ignored, 0)
		}
		want(status.CircuitClosed)
		time.Sleep(trip(t, b))
		want(status.CircuitHalfOpen)
		cfg.Enabled = false
		b.Configure(cfg)
		want(status.CircuitDisabled)
	})
}
