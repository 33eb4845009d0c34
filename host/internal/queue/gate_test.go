package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAHeldQueueLetsOneRequestTryFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 3, Size: 10})
		q.Hold(time.Now().Add(5*time.Second), nil)
		q.Hold(time.Now().Add(2*time.Second), nil) // shorter: changes nothing
		var all []*asked
		for range 4 {
			all = append(all, ask(t.Context(), q, Ticket{}))
		}
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		if got := q.Stats(); got.InFlight != 0 || got.HeldUntil.IsZero() {
			t.Fatalf("before the end of the hold: %+v", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := q.Stats(); got.InFlight != 1 || !all[0].done() {
			t.Fatalf("at the end of the hold: %+v, want the first request alone", got)
		}
		all[0].slot().Passed()
		synctest.Wait()
		if got := q.Stats(); got.InFlight != 3 || !got.HeldUntil.IsZero() {
			t.Errorf("after the trial passed: %+v, want all three slots taken", got)
		}
		q.Close()
	})
}

func TestATrialThatIsRefusedHoldsTheRestBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 3, Size: 10})
		q.Hold(time.Now().Add(time.Second), nil)
		first, second := ask(t.Context(), q, Ticket{}), ask(t.Context(), q, Ticket{})
		time.Sleep(time.Second)
		synctest.Wait()
		q.Hold(time.Now().Add(7*time.Second), nil)
		first.slot().Passed() // too late: the gate is shut again
		first.slot().Release()
		time.Sleep(7*time.Second - 1)
		synctest.Wait()
		if second.done() {
			t.Fatal("the second request went ahead during the second hold")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !second.done() {
			t.Fatal("the second request is still held")
		}
		second.slot().Release()
	})
}

func TestATrialThatEndsUndecidedIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 3, Size: 10})
		q.Hold(time.Now().Add(time.Second), nil)
		first, second, third := ask(t.Context(), q, Ticket{}), ask(t.Context(), q, Ticket{}), ask(t.Context(), q, Ticket{})
		time.Sleep(time.Second)
		synctest.Wait()
		first.slot().Release()
		synctest.Wait()
		if !second.done() || third.done() {
			t.Fatalf("second done %v, third done %v; want the second to be the trial", second.done(), third.done())
		}
		first.slot().Passed() // a stale word
		synctest.Wait()
		if third.done() {
			t.Fatal("a trial that was over opened the gate")
		}
		q.Close()
	})
}

func TestATrialThatTakesItsTimeCountsAsPassed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 3, Size: 10})
		q.Hold(time.Now().Add(5*time.Second), nil)
		ask(t.Context(), q, Ticket{})
		second := ask(t.Context(), q, Ticket{})
		time.Sleep(5*time.Second + trialTime - 1)
		synctest.Wait()
		if second.done() {
			t.Fatal("the second request did not wait for the trial")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !second.done() {
			t.Fatal("the second request still waits for a trial that was not refused")
		}
	})
}

func TestWhoCannotWaitForTheGateIsToldAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		slot := mustAcquire(t, q)
		waiting := ask(t.Context(), q, Ticket{Deadline: time.Now().Add(10 * time.Second)})
		patient := ask(t.Context(), q, Ticket{Deadline: time.Now().Add(31 * time.Second)})
		q.Hold(time.Now().Add(30*time.Second), nil)
		synctest.Wait()
		_, err := q.Acquire(t.Context(), Ticket{Seq: q.Number(), Deadline: time.Now().Add(30 * time.Second)})
		for _, err := range []error{waiting.err(), err} {
			var e *provider.Error
			if !errors.As(err, &e) || e.Code != provider.CodeRateLimit || e.RetryAfter != 30*time.Second || e.Source != provider.SourceHost {
				t.Errorf("got %#v, want rate_limit with 30s", err)
			}
		}
		if patient.done() {
			t.Errorf("a request with enough time got %v", patient.err())
		}
		slot.Release()
		q.Close()
	})
}

func TestUngatedRequestsPassAHeldQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		q.Hold(time.Now().Add(time.Minute), nil)
		held := ask(t.Context(), q, Ticket{})
		free := ask(t.Context(), q, Ticket{Ungated: true})
		later := ask(t.Context(), q, Ticket{Ungated: true})
		if !free.done() || later.done() || held.done() {
			t.Fatalf("free %v, later %v, held %v; want the ungated request alone", free.done(), later.done(), held.done())
		}
		free.slot().Release()
		synctest.Wait()
		if !later.done() || held.done() {
			t.Fatalf("later %v, held %v; want the second ungated request", later.done(), held.done())
		}
		later.slot().Passed()
		later.slot().Release()
		if got := q.Stats(); got.HeldUntil.IsZero() {
			t.Error("an ungated request opened the gate")
		}
		q.Close()
	})
}

func TestAHeldQueueIsLeftByCancelAndClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		q.Hold(time.Now().Add(time.Minute), nil)
		ctx, cancel := context.WithCancel(t.Context())
		a, b := ask(ctx, q, Ticket{}), ask(t.Context(), q, Ticket{})
		cancel()
		synctest.Wait()
		q.Close()
		synctest.Wait()
		if !errors.Is(a.err(), ErrLeft) || codeOf(b.err()) != provider.CodeShutdown {
			t.Errorf("got %v and %v, want ErrLeft and shutdown", a.err(), b.err())
		}
	})
}

func TestAGateThatIsOpenedEarlyLetsAllGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 5, Size: 10})
		q.Unhold(provider.CodeCircuitOpen) // nothing to do
		q.Hold(time.Now().Add(time.Hour), &provider.Error{Code: provider.CodeCircuitOpen})
		start := time.Now()
		for range 3 {
			go func() {
				slot, err := q.Acquire(t.Context(), Ticket{Seq: q.Number()})
				if err != nil || time.Since(start) != time.Minute {
					t.Errorf("%v after %s", err, time.Since(start))
				}
				slot.Release()
			}()
		}
		_, err := q.Acquire(t.Context(), Ticket{Seq: q.Number(), Deadline: start.Add(time.Second)})
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != provider.CodeCircuitOpen || e.RetryAfter != time.Hour ||
			e.Message != "the circuit breaker is open and requests wait for its probe for another 1h, which is more than this request has" {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		q.Unhold(provider.CodeRateLimit) // not why it is shut
		q.Unhold(provider.CodeCircuitOpen)
	})
}
