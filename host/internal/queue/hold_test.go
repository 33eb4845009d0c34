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
		q.Unhold(provider.CodeCircuitOpen)         // there is none any more
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
