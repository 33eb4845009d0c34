package circuit

import (
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

func TestARefusalServesForAMillisecondAndNotLonger(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		rest := trip(t, b)
		first := refused(t, b)
		time.Sleep(freshness - 1)
		if refused(t, b) != first || b.Refusal() != error(first) {
			t.Error("a new error was made within a millisecond")
		}
		time.Sleep(time.Nanosecond)
		if e := refused(t, b); e == first || e.RetryAfter != rest-freshness {
			t.Errorf("refused for %v a millisecond later, want %v", e.RetryAfter, rest-freshness)
		}
	})
}

func TestARefusalDoesNotOutliveItsState(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		rest := trip(t, b)
		time.Sleep(rest - freshness/2)
		refused(t, b)
		time.Sleep(freshness / 2)
		probe, err := b.Allow()
		if err != nil {
			t.Fatalf("refused after the open time: %v", err)
		}
		if e := refused(t, b); e.RetryAfter != probeAdvice || b.Refusal() != nil {
			t.Errorf("while a probe is under way: refused for %v, certain: %v", e.RetryAfter, b.Refusal())
		}
		b.Done(probe, Ignored, 0)
		probe, err = b.Allow()
		if err != nil {
			t.Fatalf("refused although the probe's permit is back: %v", err)
		}
		refused(t, b)
		b.Done(probe, Success, 0)
		if !try(b, Success) || b.Refusal() != nil {
			t.Error("refused although the circuit is closed")
		}
	})
}

func TestAnotherOpenTimeHasAnotherRefusal(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		b.Open("first", time.Hour)
		refused(t, b)
		b.Open("second", time.Minute)
		if e := refused(t, b); e.RetryAfter != time.Minute {
			t.Errorf("refused for %v by the words of the earlier opening: %s", e.RetryAfter, e.Message)
		}
	})
}

func TestNewSettingsMakeNewRefusals(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		b := New(cfg, nil)
		time.Sleep(trip(t, b))
		if _, err := b.Allow(); err != nil {
			t.Fatal(err)
		}
		refused(t, b)
		cfg.Probes = 2
		b.Configure(cfg)
		if _, err := b.Allow(); err != nil {
			t.Errorf("the second probe is refused by the old settings: %v", err)
		}
	})
}

func TestTheAdviceOfAHalfOpenCircuitEndsWhenTheProbeIsGivenUp(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		time.Sleep(trip(t, b))
		if _, err := b.Allow(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute - 300*time.Millisecond)
		e := refused(t, b)
		if e.RetryAfter != 300*time.Millisecond {
			t.Fatalf("advice %v, want 300ms", e.RetryAfter)
		}
		time.Sleep(e.RetryAfter)
		if _, err := b.Allow(); err != nil {
			t.Errorf("who kept to the advice is refused: %v", err)
		}
		wantState(t, b, status.CircuitHalfOpen)
	})
}

func TestTheHotPathsAllocateNothing(t *testing.T) {
	b := New(defaults(), nil)
	if n := testing.AllocsPerRun(1000, func() { try(b, Success) }); n != 0 {
		t.Errorf("closed: %v allocations an attempt", n)
	}
	b.Open("", 0)
	if n := testing.AllocsPerRun(1000, func() { _, _ = b.Allow() }); n != 0 {
		t.Errorf("open: %v allocations a refusal", n)
	}
}

func BenchmarkOpenRefusal(b *testing.B) {
	br := New(defaults(), nil)
	br.Open("maintenance", time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := br.Allow(); err == nil {
			b.Fatal("allowed")
		}
	}
}

func BenchmarkOpenRefusalContended(b *testing.B) {
	br := New(defaults(), nil)
	br.Open("maintenance", time.Hour)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := br.Allow(); err == nil {
				b.Error("allowed")
			}
		}
	})
}
