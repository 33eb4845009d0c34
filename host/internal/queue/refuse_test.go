package queue

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// practised is a queue whose requests take 4 s each, the first token after one,
// with all slots taken just now and nobody waiting.
func practised(t *testing.T, slots int) *Queue {
	t.Helper()
	q := New(Limits{MaxConcurrent: slots, Size: 100})
	for range 5 {
		slot := mustAcquire(t, q)
		sleep(time.Second)
		slot.Passed()
		sleep(3 * time.Second)
		slot.Passed() // a second word changes nothing
		slot.Release()
	}
	for range slots {
		mustAcquire(t, q)
	}
	return q
}

func within(d time.Duration) Ticket { return Ticket{Deadline: time.Now().Add(d)} }

func TestWhoComesTooLateIsToldAtTheDoor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := practised(t, 2)
		for range 4 {
			if a := ask(t.Context(), q, within(time.Hour)); a.done() {
				t.Fatal(a.err())
			}
		}
		// Four are ahead and a slot comes free each 2 s; then an answer takes 1 s.
		if a := ask(t.Context(), q, within(11*time.Second)); a.done() {
			t.Fatalf("a request that can be answered in time got %v", a.err())
		}
		late := ask(t.Context(), q, within(12*time.Second))
		var e *provider.Error
		if !errors.As(late.err(), &e) || e.Code != provider.CodeQueueFull || e.RetryAfter != 12*time.Second {
			t.Fatalf("got %#v, want queue_full with 12s", late.err())
		}
		if want := "the endpoint's queue would serve this request too late: in about 12s, and an answer takes 1s, but it has 12s left; " +
			"5 requests wait, 2 of 2 are running"; e.Message != want {
			t.Errorf("message %q, want %q", e.Message, want)
		}
		q.Close()
	})
}

func TestTheDoorIsOpenToOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ticket    Ticket
		unbounded bool
	}{
		"no deadline":     {},
		"a retry":         {ticket: Ticket{Retry: true}},
		"a high priority": {ticket: Ticket{Priority: caller.High}},
		"another tenant":  {ticket: Ticket{Tenant: "b"}},
		"no bounds":       {unbounded: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := practised(t, 2)
				q.Resize(Limits{MaxConcurrent: 2, Size: 100, Unbounded: c.unbounded})
				for range 10 {
					ask(t.Context(), q, Ticket{})
				}
				if name != "no deadline" {
					c.ticket.Deadline = time.Now().Add(5 * time.Second)
				}
				if a := ask(t.Context(), q, c.ticket); a.done() {
					t.Errorf("refused: %v", a.err())
				}
				q.Close()
			})
		})
	}
}

func TestNobodyIsRefusedOnAGuess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 100})
		mustAcquire(t, q)
		for range 10 {
			if a := ask(t.Context(), q, within(time.Millisecond)); a.done() {
				t.Fatalf("refused by a queue that has measured nothing: %v", a.err())
			}
		}
		q.Close()
	})
}

func TestTheEstimateKnowsGateAndPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := practised(t, 2)
		q.SetConcurrency(3)
		q.SetPacer(&levels{left: map[string]int64{"slow": 0}, ready: time.Now().Add(30 * time.Second)})
		ask(t.Context(), q, Ticket{Model: "slow", Tokens: 1})
		late := within(30 * time.Second)
		late.Model, late.Tokens = "slow", 1
		if a := ask(t.Context(), q, late); ending(a.err()) != "full" {
			t.Errorf("a request that must wait 30 s for its pace got %v", a.err())
		}
		q.Hold(time.Now().Add(50*time.Second), nil)
		if a := ask(t.Context(), q, within(50500*time.Millisecond)); ending(a.err()) != "full" {
			t.Errorf("a request with half a second after the gate got %v", a.err())
		}
		got, gate := q.Explain()
		if got.Estimate < 50*time.Second || got.Estimate > 60*time.Second || gate == nil {
			t.Errorf("estimate %v, gate %v; want 50 s and a little", got.Estimate, gate)
		}
		q.Close()
	})
}

func TestAStalledQueueIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := practised(t, 1)
		q.flow.mean, q.flow.last = time.Second, q.now(time.Time{})
		before, _ := q.Explain()
		sleep(17 * time.Second)
		if after, _ := q.Explain(); before.Estimate != time.Second || after.Estimate != 2*time.Second {
			t.Errorf("the estimate went from %v to %v, want from 1s to 2s: a sixteenth of the stall", before.Estimate, after.Estimate)
		}
	})
}

func TestAFullQueueMakesRoomForOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		waiting []Ticket
		comes   Ticket
		leaves  int // -1 is the newcomer
	}{
		"of a small tenant":              {of("a", "a", "a"), Ticket{Tenant: "b"}, 2},
		"of a tenant that stays smaller": {of("a", "a", "b"), Ticket{Tenant: "c"}, 1},
		"but not of one as large":        {of("a", "a", "b"), Ticket{Tenant: "b"}, -1},
		"nor of the same":                {of("a", "a", "a"), Ticket{Tenant: "a"}, -1},
		"nor where all have one":         {of("a", "b", "c"), Ticket{Tenant: "d"}, -1},
		"of higher priority":             {of("a", "a", "a"), Ticket{Tenant: "a", Priority: caller.High}, 2},
		"from the lowest":                {append(of("a", "a"), Ticket{Priority: caller.Low}), Ticket{Tenant: "b", Priority: caller.High}, 2},
		"but not of lower":               {of("a", "a", "a"), Ticket{Tenant: "b", Priority: caller.Low}, -1},
		"retries stay":                   {append(of("a", "a"), Ticket{Tenant: "a", Retry: true}), Ticket{Tenant: "b"}, 1},
		"of a smaller body":              {[]Ticket{{Bytes: 60}, {Bytes: 30}}, Ticket{Tenant: "b", Bytes: 40}, 1},
		"but not of a larger one":        {[]Ticket{{Bytes: 60}, {Bytes: 30}}, Ticket{Tenant: "b", Bytes: 70}, -1},
		"nor by too great a loss":        {[]Ticket{{Bytes: 10}, {Bytes: 80}}, Ticket{Tenant: "b", Bytes: 15}, -1},
		"nor of one that never fits":     {[]Ticket{{Bytes: 60}, {Bytes: 30}}, Ticket{Priority: caller.High, Bytes: 101}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := New(Limits{MaxConcurrent: 1, Size: 3, MaxBytes: 100})
				mustAcquire(t, q)
				var all []*asked
				for _, ticket := range c.waiting {
					all = append(all, ask(t.Context(), q, ticket))
				}
				comes := ask(t.Context(), q, c.comes)
				if refused := comes.done(); refused != (c.leaves < 0) {
					t.Errorf("the newcomer's refusal is %v", comes.err())
				}
				for i, a := range all {
					if left := ending(a.err()) == "full"; left != (i == c.leaves) {
						t.Errorf("request %d got %v, want request %d to make room", i, a.err(), c.leaves)
					}
				}
				q.Close()
			})
		})
	}
}

func TestTheEstimateKnowsTheTurnsOfTenants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 100})
		mustAcquire(t, q)
		for _, ticket := range of("a", "b", "b", "b", "b", "b") {
			ask(t.Context(), q, ticket)
		}
		for name, want := range map[string]int{"a": 3, "b": 6, "c": 2} {
			if got := q.waiting.classes[1].ahead(name); got != want {
				t.Errorf("%d are served before another request of %q, want %d", got, name, want)
			}
		}
		q.Close()
	})
}

func TestTimeWithoutWaitersIsNotHowTheQueueMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 100})
		sleep(time.Hour)
		slot := mustAcquire(t, q)
		next := ask(t.Context(), q, Ticket{})
		last := ask(t.Context(), q, Ticket{})
		sleep(time.Second)
		slot.Release()
		synctest.Wait()
		sleep(time.Second)
		next.slot().Release()
		synctest.Wait()
		if q.flow.mean != time.Second || !last.done() {
			t.Errorf("the time between two grants is %v, want 1s", q.flow.mean)
		}
	})
}

func TestAShrunkQueueExchangesButDoesNotEmptyItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 100, MaxBytes: 100})
		mustAcquire(t, q)
		for range 5 {
			ask(t.Context(), q, Ticket{Bytes: 20})
		}
		q.Resize(Limits{MaxConcurrent: 1, Size: 3, MaxBytes: 60})
		if a := ask(t.Context(), q, Ticket{Tenant: "b", Bytes: 10}); a.done() {
			t.Errorf("another tenant was refused: %v", a.err())
		}
		if got := q.Stats(); got.Waiting < 4 || got.Bytes < 70 {
			t.Errorf("stats %+v, want no more to have left than the newcomer takes", got)
		}
		q.Close()
	})
}
