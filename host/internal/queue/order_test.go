package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
)

// line fills a queue of one slot with requests and returns the order in which
// they are served, as positions in tickets.
func line(t *testing.T, tickets []Ticket) (order []int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: len(tickets)})
		first := mustAcquire(t, q)
		begin := q.seq.Load()
		all := make([]*asked, len(tickets))
		for i, ticket := range tickets {
			all[i] = ask(t.Context(), q, ticket)
		}
		q.granted = func(t Ticket, _ int) { order = append(order, int(t.Seq-begin)-1) }
		first.Release()
		for range tickets {
			synctest.Wait()
			all[order[len(order)-1]].slot().Release()
		}
	})
	return order
}

func of(tenants ...string) (tickets []Ticket) {
	for _, name := range tenants {
		tickets = append(tickets, Ticket{Tenant: name})
	}
	return tickets
}

func TestTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	got := line(t, of("a", "a", "a", "a", "b", "a", "b", "c", "a", "b"))
	want := []int{0, 4, 7, 1, 6, 2, 9, 3, 5, 8}
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestOneTenantIsServedInOrder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a"} {
		if got, want := line(t, of(name, name, name, name)), []int{0, 1, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("tenant %q: order %v, want %v", name, got, want)
		}
	}
}

func TestHigherPrioritiesGoFirst(t *testing.T) {
	t.Parallel()
	got := line(t, []Ticket{{Priority: caller.Low}, {}, {Priority: caller.High}, {Priority: caller.Low}, {}, {Priority: caller.High}})
	if want := []int{2, 5, 1, 4, 0, 3}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestAPriorityThatWasPassedOverTooOftenGoesAhead(t *testing.T) {
	t.Parallel()
	tickets := []Ticket{{Priority: caller.Low}, {Priority: caller.Low}, {}}
	for range 25 {
		tickets = append(tickets, Ticket{Priority: caller.High})
	}
	got := line(t, tickets)
	for request, place := range map[int]int{2: 9, 0: 10, 1: 20} {
		if at := slices.Index(got, request); at != place {
			t.Errorf("request %d was served as number %d, want %d; order %v", request, at, place, got)
		}
	}
}

func TestARetryGoesFirstAmongItsTenantOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		old := q.Number()
		slot := mustAcquire(t, q)
		other := ask(t.Context(), q, Ticket{Tenant: "b"})
		own := ask(t.Context(), q, Ticket{Tenant: "a"})
		retry := ask(t.Context(), q, Ticket{Seq: old, Retry: true, Tenant: "a"})
		for i, a := range []*asked{other, retry, own} {
			slot.Release()
			synctest.Wait()
			if !a.done() {
				t.Fatalf("request %d was not served in its turn", i)
			}
			slot = a.slot()
		}
	})
}

func TestWhoDoesNotWaitGetsASlotOrNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 2, Size: 10})
		slot, err := q.Acquire(t.Context(), Ticket{NoWait: true})
		if err != nil || slot.Waited {
			t.Fatalf("a free slot was not given: %v", err)
		}
		second := mustAcquire(t, q)
		busy := func(why string) {
			if _, err := q.Acquire(t.Context(), Ticket{NoWait: true}); !errors.Is(err, ErrBusy) {
				t.Errorf("%s: got %v, want ErrBusy", why, err)
			}
		}
		busy("no slot is free")
		second.Release()
		q.Hold(time.Now().Add(time.Minute), nil)
		busy("the gate is shut")
		time.Sleep(time.Minute)
		synctest.Wait()
		busy("a trial is due")
		if got := q.Stats(); got.Waiting != 0 || got.InFlight != 1 {
			t.Errorf("stats %+v, want one request running", got)
		}
		slot.Release()
		q.Close()
		if _, err := q.Acquire(t.Context(), Ticket{NoWait: true}); ending(err) != "closed" {
			t.Errorf("a closed queue answers %v", err)
		}
	})
}

func TestTheLimitMovesUntilTheNextResize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		for range 6 {
			ask(context.Background(), q, Ticket{})
		}
		for _, n := range []int{4, 2, 5} {
			q.SetConcurrency(n)
			synctest.Wait()
			if got := q.Concurrency(); got != n {
				t.Errorf("the limit is %d, want %d", got, n)
			}
		}
		if got := q.InFlight(); got != 5 {
			t.Errorf("%d run, want 5", got)
		}
		q.Resize(Limits{MaxConcurrent: 3, Size: 10})
		if got := q.Concurrency(); got != 3 || q.InFlight() != 5 {
			t.Errorf("after a resize to 3: limit %d, %d run, want 5", got, q.InFlight())
		}
		q.Close()
	})
}

// TestTheTwoLowerPrioritiesShareWhatTheyAreGranted has both wait behind the high
// one for so long that each must be given its turns.
func TestTheTwoLowerPrioritiesShareWhatTheyAreGranted(t *testing.T) {
	t.Parallel()
	tickets := []Ticket{{Priority: caller.Low}, {Priority: caller.Low}, {Priority: caller.Low}, {}, {}, {}}
	for range 40 {
		tickets = append(tickets, Ticket{Priority: caller.High})
	}
	got := line(t, tickets)
	for request, place := range map[int]int{3: 9, 0: 10, 4: 20, 1: 21, 5: 31, 2: 32} {
		if at := slices.Index(got, request); at != place {
			t.Errorf("request %d was served as number %d, want %d; order %v", request, at, place, got)
		}
	}
}

func TestAPriorityThatHasLeftIsNotOwedATurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 50})
		slot := mustAcquire(t, q)
		ctx, cancel := contextOf(t)
		ask(ctx, q, Ticket{Priority: caller.Low})
		var high []*asked
		for range 15 {
			high = append(high, ask(t.Context(), q, Ticket{Priority: caller.High}))
		}
		next := func(i int) {
			slot.Release()
			synctest.Wait()
			slot = high[i].slot()
		}
		for i := range guard {
			next(i)
		}
		cancel() // just before its turn
		synctest.Wait()
		low := ask(t.Context(), q, Ticket{Priority: caller.Low})
		next(guard)
		if low.done() {
			t.Error("a newcomer was given the turn of one that had left")
		}
		q.Close()
	})
}

func TestWhoHasLeftIsNotToldThatTheQueueIsFull(t *testing.T) {
	t.Parallel()
	q := New(Limits{MaxConcurrent: 1})
	mustAcquire(t, q)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Acquire(ctx, Ticket{Seq: q.Number()}); !errors.Is(err, ErrLeft) {
		t.Errorf("got %v, want ErrLeft", err)
	}
}
