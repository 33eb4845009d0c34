package queue

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

var (
	overRate = &provider.Error{Code: provider.CodeRateLimit, Message: "slow down"}
	broken   = &provider.Error{Code: provider.CodeCircuitOpen, Message: "the circuit is open"}
)

// A circuit that opens for longer than a service's rate limit does not make that
// forgotten: once the circuit is closed by hand, the service is still left alone.
func TestTheEndOfOneHoldLeavesTheOthers(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][2]bool{"rate first": {true, false}, "circuit first": {false, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := New(Limits{MaxConcurrent: 5, Size: 10})
				begin := time.Now()
				for _, rate := range order {
					if rate {
						q.Hold(begin.Add(10*time.Second), overRate)
					} else {
						q.Hold(begin.Add(time.Minute), broken)
					}
				}
				a := ask(t.Context(), q, Ticket{})
				if got := q.Stats().HeldUntil; !got.Equal(begin.Add(time.Minute)) {
					t.Errorf("held until %v, want the longer hold", got.Sub(begin))
				}
				sleep(5 * time.Second)
				q.Unhold(provider.CodeCircuitOpen)
				if got := q.Stats().HeldUntil; a.done() || !got.Equal(begin.Add(10*time.Second)) {
					t.Errorf("with the circuit closed: done %v, held until %v", a.done(), got.Sub(begin))
				}
				_, gate := q.Explain()
				if gate == nil || gate.Why != overRate.Message {
					t.Errorf("the gate explains itself as %+v", gate)
				}
				sleep(5 * time.Second)
				if !a.done() || a.err() != nil {
					t.Errorf("after the rate limit: done %v", a.done())
				}
				a.slot().Release()
			})
		})
	}
}

// The end of a hold that is not the longest changes nothing but the reasons.
func TestTheEndOfAShorterHoldChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 5, Size: 10})
		begin := time.Now()
		q.Hold(begin.Add(10*time.Second), broken)
		q.Hold(begin.Add(time.Minute), overRate)
		a := ask(t.Context(), q, Ticket{})
		q.Unhold(provider.CodeCircuitOpen)
		sleep(time.Minute - 1)
		if a.done() {
			t.Error("it went ahead in the hold for the rate")
		}
		q.Hold(begin.Add(2*time.Minute), overRate) // longer, for the same reason
		q.Hold(begin.Add(2*time.Minute), &provider.Error{Code: provider.CodeRateLimit, Message: "again"})
		if _, gate := q.Explain(); len(q.gate.holds) != 1 || gate.Why != overRate.Message {
			t.Errorf("%d holds are kept, the gate says %q", len(q.gate.holds), gate.Why)
		}
		q.Unhold(provider.CodeCircuitOpen) // there is none any more
		sleep(time.Minute)
		if a.done() {
			t.Error("it went ahead in the second hold for the rate")
		}
		sleep(1)
		if !a.done() {
			t.Error("it is still held")
		}
		a.slot().Release()
	})
}

// Holds that are over do not come back with the end of another.
func TestAHoldThatIsOverIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 5, Size: 10})
		q.Hold(time.Now().Add(10*time.Second), overRate)
		q.Hold(time.Now().Add(time.Minute), broken)
		sleep(20 * time.Second)
		a := ask(t.Context(), q, Ticket{Elsewhere: true})
		if a.done() {
			t.Fatalf("got %v, want it to wait for the circuit: the rate limit is over", a.err())
		}
		q.Unhold(provider.CodeCircuitOpen)
		synctest.Wait()
		if !a.done() || a.err() != nil || !q.Stats().HeldUntil.IsZero() {
			t.Errorf("done %v, held until %v", a.done(), q.Stats().HeldUntil)
		}
		a.slot().Release()
		q.Hold(time.Now().Add(time.Second), overRate)
		sleep(time.Second) // ajar
		q.Unhold(provider.CodeCircuitOpen)
		if q.Stats().HeldUntil.IsZero() {
			t.Error("the end of a hold that is over has opened the gate")
		}
		q.Hold(time.Now().Add(time.Second), broken)
		q.Unhold(provider.CodeCircuitOpen)
		if !q.Stats().HeldUntil.IsZero() {
			t.Error("a hold from before the gate was ajar has come back")
		}
	})
}

// Whom another endpoint can answer does not wait for the rate, also if the gate is
// shut for longer for another reason; and is told when the rate's time is over.
func TestALongerHoldDoesNotHideTheRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 5, Size: 10})
		q.Hold(time.Now().Add(time.Minute), broken)
		early := ask(t.Context(), q, Ticket{Elsewhere: true})
		if early.done() {
			t.Fatalf("got %v before there was a rate limit", early.err())
		}
		q.Hold(time.Now().Add(10*time.Second), overRate)
		synctest.Wait()
		late := ask(t.Context(), q, Ticket{Elsewhere: true})
		for _, a := range []*asked{early, late} {
			var e *provider.Error
			if !errors.As(a.err(), &e) || e.Code != provider.CodeRateLimit || e.RetryAfter != 10*time.Second || !strings.Contains(e.Message, "slow down") {
				t.Errorf("got %v, want the rate limit", a.err())
			}
		}
		q.Close()
	})
}

// The timer of a hold may fire at the moment at which the hold is made longer.
func TestATimerThatIsLateOpensNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		q.Hold(time.Now().Add(time.Minute), nil)
		a := ask(t.Context(), q, Ticket{})
		q.gateTimer()
		synctest.Wait()
		if a.done() || q.gate.phase != phaseShut {
			t.Error("the gate was opened before its time")
		}
		q.Close()
		synctest.Wait()
	})
}

// Time at the gate is no gap between two grants, and that all go once it is open
// is none either.
func TestTheGateSaysNothingOfTheFlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 2, Size: 10})
		all := make([]*asked, 8)
		for i := range all {
			all[i] = ask(t.Context(), q, Ticket{})
		}
		sleep(time.Second)
		all[0].slot().Release() // to the third
		synctest.Wait()
		q.Hold(time.Now().Add(time.Hour), overRate)
		if q.flow.last != 0 {
			t.Error("the time at the gate counts as a gap")
		}
		for _, a := range all[1:3] {
			a.slot().Release()
		}
		sleep(time.Hour)
		all[3].slot().Passed() // the trial
		synctest.Wait()
		if !all[4].done() || all[5].done() || q.flow.last != 0 || q.flow.mean != 0 {
			t.Errorf("the gate has opened, and the flow is %+v", q.flow)
		}
		q.Close()
		synctest.Wait()
	})
}

func TestAFullQueueOfOneAdvisesAtMostAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 1})
		ask(t.Context(), q, Ticket{})
		ask(t.Context(), q, Ticket{})
		q.Hold(time.Now().Add(time.Hour), overRate)
		_, err := q.Acquire(t.Context(), Ticket{})
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != provider.CodeQueueFull || e.RetryAfter != time.Minute ||
			e.Message != "the endpoint's queue is full: 1 of 1 requests waits, 1 of 1 are running" {
			t.Errorf("got %v, want a full queue and a minute", err)
		}
		q.Close()
	})
}
