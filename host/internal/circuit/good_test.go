package circuit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// Successes take no lock, and still each is in the window exactly once, whoever
// looks at it meanwhile.
func TestEachSuccessCountsOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		const workers, each = 32, 2000
		b := New(defaults(), nil)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() { repeat(b, each, Success) })
		}
		last := 0
		for range 1000 {
			if s := b.Status(); s.Total < last || s.Failures != 0 {
				t.Errorf("%+v after a total of %d", s, last)
			} else {
				last = s.Total
			}
		}
		wg.Wait()
		try(b, Success)
		g, p := b.good.Load(), Permit{period: b.period}
		if s := b.Status(); s.Total != workers*each+1 || g == nil {
			t.Errorf("%d of %d successes count, the last without the lock: %v", s.Total, workers*each+1, g != nil)
		}
		if g.add(p, 0) {
			t.Error("what has been put into the window goes on to count")
		}
		try(b, Failure)
		repeat(b, 2, Success)
		if s := b.Status(); s.Total != workers*each+4 || s.Failures != 1 {
			t.Errorf("%+v after one failure and two successes more", s)
		}
	})
}

// What an attempt from before brings is ignored, also if it is a success at the
// very moment of the change.
func TestSuccessesOfEarlierPeriodsDoNotCount(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		for range 300 {
			var wg sync.WaitGroup
			var fresh atomic.Int64
			for range 8 {
				old, err := b.Allow()
				if err != nil {
					t.Fatal(err)
				}
				wg.Go(func() { b.Done(old, Success, 0) })
				wg.Go(func() {
					if p, err := b.Allow(); err == nil {
						fresh.Add(1)
						b.Done(p, Success, 0)
					}
				})
			}
			b.Open("", 0)
			b.Close("")
			wg.Wait()
			if s := b.Status(); int64(s.Total) > fresh.Load() {
				t.Fatalf("%d successes count, of at most %d that began after the change", s.Total, fresh.Load())
			}
			b.Open("", 0)
			b.Close("")
		}
	})
}

// A success that has come in time for its bucket counts there, and leaves the
// window with it.
func TestSuccessesLeaveTheWindowWithTheirBucket(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		for range 10 { // one each in ten buckets
			try(b, Success)
			time.Sleep(time.Second)
		}
		time.Sleep(50 * time.Second)
		for left := 9; left >= 0; left-- {
			if s := b.Status(); s.Total != left {
				t.Fatalf("%d successes count, want %d", s.Total, left)
			}
			time.Sleep(time.Second)
		}
	})
}

// With the window empty of failures a row of them can still be going on: only a
// success ends it.
func TestASuccessEndsARowThatIsOlderThanTheWindow(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := defaults()
		cfg.ConsecutiveFailures, cfg.MinRequests = 3, 1000
		b := New(cfg, nil)
		repeat(b, 2, Failure)
		time.Sleep(2 * cfg.Window)
		repeat(b, 2, Success)
		repeat(b, 2, Failure)
		wantState(t, b, status.CircuitClosed)
		try(b, Failure)
		wantState(t, b, status.CircuitOpen)
	})
}

// A success can be the attempt with which there are enough to judge by.
func TestASuccessCanOpenTheCircuit(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil) // ten are enough
		repeat(b, 6, Failure)
		repeat(b, 3, Success)
		wantState(t, b, status.CircuitClosed)
		try(b, Success)
		wantState(t, b, status.CircuitOpen)
	})
}

func TestWhatIsIgnoredIsNoSuccess(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := New(defaults(), nil)
		try(b, Success)
		repeat(b, 5, Ignored)
		if s := b.Status(); s.Total != 1 {
			t.Errorf("%d attempts count, want 1", s.Total)
		}
	})
}

func TestANewWindowForgetsSuccesses(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b, cfg := New(defaults(), nil), defaults()
		repeat(b, 5, Success)
		cfg.Window *= 2
		b.Configure(cfg)
		if s := b.Status(); s.Total != 0 {
			t.Errorf("%d attempts count in the new window", s.Total)
		}
	})
}
