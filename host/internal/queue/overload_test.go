package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// standing is a queue of one slot that is taken, with a target of 1 s and an
// interval of 5 s.
func standing(t *testing.T) *Queue {
	t.Helper()
	q := New(Limits{MaxConcurrent: 1, Size: 100, Overload: config.OverloadCoDel, Target: time.Second, Interval: 5 * time.Second})
	mustAcquire(t, q)
	return q
}

func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAStandingQueueCutsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := standing(t)
		first := ask(t.Context(), q, Ticket{})
		sleep(4500 * time.Millisecond)
		second := ask(t.Context(), q, Ticket{})
		sleep(500*time.Millisecond - 1)
		if first.done() {
			t.Fatal("a wait was cut before the interval was over")
		}
		sleep(1)
		if !first.done() || second.done() {
			t.Fatalf("at the end of the interval: first %v, second %v; want the first to go", first.done(), second.done())
		}
		var e *provider.Error
		if !errors.As(first.err(), &e) || e.Code != provider.CodeQueueFull || e.Source != provider.SourceHost {
			t.Fatalf("got %v, want queue_full of the host", first.err())
		}
		if want := "the endpoint's queue has been overloaded for 5s, waits are cut to 1s: 2 requests wait, 1 of 1 are running"; e.Message != want {
			t.Errorf("message %q, want %q", e.Message, want)
		}
		third := ask(t.Context(), q, Ticket{})
		sleep(500*time.Millisecond - 1)
		if second.done() {
			t.Fatal("a wait was cut before the target")
		}
		sleep(1)
		if !second.done() || third.done() {
			t.Fatalf("after the target: second %v, third %v; want the second to go", second.done(), third.done())
		}
		q.Close()
	})
}

func TestAQueueThatEmptiesIsNotOverloaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := standing(t)
		for range 5 { // each waits 4 s, with nobody behind it
			ctx, cancel := contextOf(t)
			waiting := ask(ctx, q, Ticket{})
			sleep(4 * time.Second)
			if waiting.done() {
				t.Fatal("a wait was cut although the queue had been empty")
			}
			cancel()
			synctest.Wait()
		}
		q.Close()
	})
}

func TestOverloadIsJudgedByTenantAndPriority(t *testing.T) {
	t.Parallel()
	for name, light := range map[string]Ticket{
		"tenant": {Tenant: "light"}, "priority": {Priority: caller.High}, "lower priority": {Priority: caller.Low},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := standing(t)
				for range 20 { // the flood
					ask(t.Context(), q, Ticket{})
					sleep(500 * time.Millisecond)
				}
				other := ask(t.Context(), q, light)
				for range 9 {
					ask(t.Context(), q, Ticket{})
					sleep(500 * time.Millisecond)
				}
				if other.done() {
					t.Errorf("the other's wait was cut after 4.5 s at most: %v", other.err())
				}
				if got := q.Stats().Waiting; got != 2 {
					t.Errorf("%d wait, want the last of the flood and the other", got)
				}
				q.Close()
			})
		})
	}
}

func TestARetryIsNotCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := standing(t)
		retry := ask(t.Context(), q, Ticket{Retry: true})
		fresh := ask(t.Context(), q, Ticket{})
		sleep(time.Minute)
		if retry.done() || !fresh.done() {
			t.Errorf("retry done %v, fresh done %v; want only the fresh one to be cut", retry.done(), fresh.done())
		}
		q.Close()
	})
}

func TestTimeAtTheGateDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 100, Overload: config.OverloadCoDel, Target: time.Second, Interval: 5 * time.Second})
		q.Hold(time.Now().Add(time.Minute), nil)
		trial, waiting := ask(t.Context(), q, Ticket{}), ask(t.Context(), q, Ticket{})
		sleep(time.Minute + trialTime)
		if !trial.done() || trial.err() != nil || !q.Stats().HeldUntil.IsZero() {
			t.Fatalf("the gate is not open: trial %v, %+v", trial.err(), q.Stats())
		}
		sleep(5*time.Second - 1)
		if waiting.done() {
			t.Fatal("a wait was cut for the time at the gate")
		}
		sleep(1)
		if !waiting.done() {
			t.Error("the wait for a slot is not cut")
		}
	})
}

func TestAShutGateStopsTheCuts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := standing(t)
		waiting := ask(t.Context(), q, Ticket{})
		sleep(4 * time.Second)
		q.Hold(time.Now().Add(time.Minute), nil)
		sleep(time.Minute - 1)
		if waiting.done() {
			t.Errorf("a wait was cut at the gate: %v", waiting.err())
		}
		q.Close()
	})
}

func TestTimeForAPaceDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 100, Overload: config.OverloadCoDel, Target: time.Second, Interval: 5 * time.Second})
		pacer := &levels{left: map[string]int64{"slow": 0}, ready: time.Now().Add(time.Minute)}
		q.SetPacer(pacer)
		waiting := ask(t.Context(), q, Ticket{Model: "slow", Tokens: 1})
		sleep(time.Minute - 1)
		busy := ask(t.Context(), q, Ticket{Model: "fast"})
		pacer.raise("slow", 1)
		sleep(time.Second)
		if !busy.done() || waiting.done() {
			t.Fatalf("busy %v, waiting %v (%v); want the slot taken and no wait cut", busy.done(), waiting.done(), waiting.err())
		}
		sleep(1)
		if !waiting.done() {
			t.Error("the wait for a slot is not cut")
		}
	})
}

func TestTheAutomaticTargetFollowsServiceAndTimeout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ service, timeout, target time.Duration }{
		"a tenth of the timeout":      {time.Second, time.Minute, 6 * time.Second},
		"the median time of service":  {8 * time.Second, time.Minute, 8 * time.Second},
		"at most half of the timeout": {50 * time.Second, time.Minute, 30 * time.Second},
		"no timeout":                  {2 * time.Second, 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := New(Limits{MaxConcurrent: 10, Size: 100, Overload: config.OverloadCoDel, Timeout: c.timeout})
				for range 5 {
					slot := mustAcquire(t, q)
					sleep(c.service)
					slot.Release()
				}
				if got, _ := q.Explain(); got.Target != c.target || got.Interval != 5*c.target {
					t.Errorf("target %v, interval %v; want %v and five times that", got.Target, got.Interval, c.target)
				}
			})
		})
	}
}

func TestWaitsAreNotCutWithoutTheRule(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]Limits{
		"none":      {MaxConcurrent: 1, Size: 10, Overload: config.OverloadNone, Target: time.Second, Interval: time.Second},
		"unbounded": {MaxConcurrent: 1, Unbounded: true, Overload: config.OverloadCoDel, Target: time.Second, Interval: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := New(limits)
				slot := mustAcquire(t, q)
				waiting := ask(t.Context(), q, Ticket{Deadline: time.Now().Add(2 * time.Hour)})
				sleep(time.Hour)
				slot.Release()
				synctest.Wait()
				if !waiting.done() || waiting.err() != nil {
					t.Errorf("the wait ended with %v", waiting.err())
				}
			})
		})
	}
}
