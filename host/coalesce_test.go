package host

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// counted makes tests of a service that answers after a second.
func counted() (tests, *atomic.Int64) {
	calls := new(atomic.Int64)
	return newTests(func(ctx context.Context) (status.Report, error) {
		n := calls.Add(1)
		err := wait(ctx, time.Second)
		return status.Report{RequestID: "test", Attempts: int(n)}, err
	}), calls
}

func TestThoseWhoAskAtTheSameMomentShareOneTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, calls := counted()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				time.Sleep(time.Duration(i%10) * time.Millisecond)
				if r, err := all.ask(t.Context()); err != nil || r.Attempts != 1 {
					t.Errorf("got %+v, %v", r, err)
				}
			})
		}
		wg.Wait()
		if calls.Load() != 1 {
			t.Errorf("the service was asked %d times", calls.Load())
		}
	})
}

// TestWhoAsksDuringATestGetsANewOne: what the operator has mended since the test
// began would not show in it.
func TestWhoAsksDuringATestGetsANewOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, calls := counted()
		go func() { _, _ = all.ask(t.Context()) }()
		time.Sleep(500 * time.Millisecond)
		if r, err := all.ask(t.Context()); err != nil || r.Attempts != 2 || calls.Load() != 2 {
			t.Errorf("got %+v, %v after %d tests", r, err, calls.Load())
		}
	})
}

func TestATestLastsAsLongAsSomebodyWantsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, _ := counted()
		start := time.Now()
		leaving := func(d time.Duration) chan time.Duration {
			ended := make(chan time.Duration, 1)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), d)
				defer cancel()
				if _, err := all.ask(ctx); (err == nil) != (d > time.Second+testWindow) || err != nil && provider.AsError(err).Code != provider.CodeTimeout {
					t.Errorf("who stays for %v got %v", d, err)
				}
				ended <- time.Since(start)
			}()
			return ended
		}
		early, late := leaving(100*time.Millisecond), leaving(time.Hour)
		if left, got := <-early, <-late; left != 100*time.Millisecond || got != time.Second+testWindow {
			t.Errorf("one left after %v, the other got an answer after %v", left, got)
		}
		cut := make(chan time.Duration, 1)
		gone := newTests(func(ctx context.Context) (status.Report, error) {
			<-ctx.Done()
			cut <- time.Since(start)
			return status.Report{}, ctx.Err()
		})
		start = time.Now()
		for _, d := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond} {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), d)
				defer cancel()
				_, _ = gone.ask(ctx)
			}()
		}
		if got := <-cut; got != 300*time.Millisecond {
			t.Errorf("the test was cut after %v, the last left after 300ms", got)
		}
	})
}
