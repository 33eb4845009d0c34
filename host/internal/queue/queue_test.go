package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// asked is a request that waits in its own goroutine.
type asked struct{ got atomic.Pointer[answer] }

type answer struct {
	slot Slot
	err  error
}

func (a *asked) done() bool { return a.got.Load() != nil }

// slot is the slot that the request got; the test panics if it has none.
func (a *asked) slot() *Slot { return &a.got.Load().slot }

// err is nil as long as the request waits.
func (a *asked) err() error {
	if got := a.got.Load(); got != nil {
		return got.err
	}
	return nil
}

// ask starts a request, under the next number if it has none.
func ask(ctx context.Context, q *Queue, t Ticket) *asked {
	if t.Seq == 0 {
		t.Seq = q.Number()
	}
	a := new(asked)
	go func() {
		slot, err := q.Acquire(ctx, t)
		a.got.Store(&answer{slot, err})
	}()
	synctest.Wait()
	return a
}

func mustAcquire(t *testing.T, q *Queue) *Slot {
	t.Helper()
	slot, err := q.Acquire(t.Context(), Ticket{Seq: q.Number()})
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return &slot
}

func codeOf(err error) provider.Code {
	var e *provider.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestSlotsAreGrantedAtOnceUpToTheLimit(t *testing.T) {
	t.Parallel()
	q := New(Limits{MaxConcurrent: 2, Size: 0})
	a, b := mustAcquire(t, q), mustAcquire(t, q)
	if a.Waited || b.Waited {
		t.Error("a slot that was free is reported as waited for")
	}
	_, err := q.Acquire(t.Context(), Ticket{Seq: q.Number()})
	if codeOf(err) != provider.CodeQueueFull {
		t.Fatalf("third request got %v, want queue_full", err)
	}
	a.Release()
	mustAcquire(t, q)
	if got := q.Stats().InFlight; got != 2 {
		t.Errorf("in flight = %d, want 2", got)
	}
}

func TestNoLimitMeansNoWaiting(t *testing.T) {
	t.Parallel()
	q := New(Limits{})
	for range 1000 {
		mustAcquire(t, q)
	}
}

func TestWaitersAreServedInOrderAndRetriesGoAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		var order []uint64
		q.granted = func(t Ticket, _ int) { order = append(order, t.Seq) }
		q.passed = q.granted
		early := q.Number()
		slot := mustAcquire(t, q) // 2
		three, four := ask(t.Context(), q, Ticket{}), ask(t.Context(), q, Ticket{})
		retry := ask(t.Context(), q, Ticket{Seq: early, Retry: true})
		for _, a := range []*asked{nil, retry, three} {
			if a != nil {
				slot = a.slot()
			}
			slot.Release()
			synctest.Wait()
		}
		if !four.done() || !four.slot().Waited {
			t.Error("the last request was not served, or is not reported as having waited")
		}
		want := []uint64{2, 1, 3, 4}
		if len(order) != len(want) {
			t.Fatalf("order %v, want %v", order, want)
		}
		for i := range want {
			if order[i] != want[i] {
				t.Fatalf("order %v, want %v", order, want)
			}
		}
	})
}

func TestAFullQueueSaysItsNumbersAndWhenToComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 3})
		slot := mustAcquire(t, q)
		var waiting []*asked
		fill := func() {
			for q.Stats().Waiting < 3 {
				waiting = append(waiting, ask(t.Context(), q, Ticket{}))
			}
		}
		fill()
		for range 20 { // each request takes 4 s
			time.Sleep(4 * time.Second)
			slot.Release()
			synctest.Wait()
			slot, waiting = waiting[0].slot(), waiting[1:]
			fill()
		}
		_, err := q.Acquire(t.Context(), Ticket{Seq: q.Number()})
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != provider.CodeQueueFull || e.Source != provider.SourceHost {
			t.Fatalf("got %v, want queue_full of the host", err)
		}
		if want := "the endpoint's queue is full: 3 of 3 requests wait, 1 of 1 are running"; e.Message != want {
			t.Errorf("message %q, want %q", e.Message, want)
		}
		if e.RetryAfter != 16*time.Second {
			t.Errorf("RetryAfter = %v, want 16s: four requests of 4 s each", e.RetryAfter)
		}
		q.Close()
	})
}

func TestAQueueIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10, MaxBytes: 1 << 20})
		slot, err := q.Acquire(t.Context(), Ticket{Seq: q.Number(), Bytes: 2 << 20})
		if err != nil {
			t.Fatalf("a request that need not wait was refused for its size: %v", err)
		}
		first := ask(t.Context(), q, Ticket{Bytes: 1 << 19})
		_, err = q.Acquire(t.Context(), Ticket{Seq: q.Number(), Bytes: 1<<19 + 1})
		if codeOf(err) != provider.CodeQueueFull || !strings.Contains(err.Error(), "has no room for a body of 524289B: 512KiB of 1MiB wait") {
			t.Errorf("got %v, want queue_full with the bytes", err)
		}
		second := ask(t.Context(), q, Ticket{Bytes: 1 << 19})
		if got := q.Stats(); got.Bytes != 1<<20 || got.Waiting != 2 {
			t.Errorf("stats %+v, want two requests with 1 MiB", got)
		}
		slot.Release()
		synctest.Wait()
		first.slot().Release()
		synctest.Wait()
		second.slot().Release()
		if got := q.Stats(); got != (Stats{}) {
			t.Errorf("stats %+v, want nothing left", got)
		}
	})
}

func TestARetryIsNotRefusedByAFullQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 1, MaxBytes: 10})
		seq := q.Number()
		slot := mustAcquire(t, q)
		ask(t.Context(), q, Ticket{Bytes: 10})
		retry := ask(t.Context(), q, Ticket{Seq: seq, Retry: true, Bytes: 10})
		if retry.done() {
			t.Fatalf("the retry did not wait: %v", retry.err())
		}
		slot.Release()
		synctest.Wait()
		if !retry.done() || retry.err() != nil {
			t.Errorf("the retry was not served next: %v", retry.err())
		}
		q.Close()
	})
}

func TestAnUnboundedQueueStillLimitsWhatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 2, Unbounded: true, Size: 1, MaxBytes: 1})
		for range 500 {
			ask(t.Context(), q, Ticket{Bytes: 1000})
		}
		if got := q.Stats(); got.InFlight != 2 || got.Waiting != 498 {
			t.Errorf("stats %+v, want 2 running and 498 waiting", got)
		}
		q.Close()
	})
}

func TestAWaiterWhoseContextEndsLeavesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		slot := mustAcquire(t, q)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := q.Acquire(ctx, Ticket{Seq: q.Number(), Bytes: 5})
		if !errors.Is(err, ErrLeft) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v, want ErrLeft after 3s", err, time.Since(start))
		}
		if got := q.Stats(); got.Waiting != 0 || got.Bytes != 0 {
			t.Errorf("stats %+v, want an empty queue", got)
		}
		_, err = q.Acquire(ctx, Ticket{Seq: q.Number()})
		if !errors.Is(err, ErrLeft) {
			t.Errorf("a request whose context had ended before got %v, want ErrLeft", err)
		}
		slot.Release()
	})
}

func TestResizeServesMoreAndNeverCutsWhatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 2, Size: 10})
		var all []*asked
		for range 8 {
			all = append(all, ask(t.Context(), q, Ticket{}))
		}
		q.Resize(Limits{MaxConcurrent: 4, Size: 2})
		synctest.Wait()
		if got := q.Stats(); got.InFlight != 4 || got.Waiting != 4 {
			t.Fatalf("after growing: %+v, want 4 running and 4 waiting", got)
		}
		q.Resize(Limits{MaxConcurrent: 1, Size: 2})
		for i := range 3 { // down to one
			all[i].slot().Release()
			synctest.Wait()
			if got := q.Stats(); got.InFlight != 3-i || got.Waiting != 4 {
				t.Fatalf("after shrinking and %d releases: %+v, want %d running and 4 waiting", i+1, got, 3-i)
			}
		}
		all[3].slot().Release()
		synctest.Wait()
		if got := q.Stats(); got.InFlight != 1 || got.Waiting != 3 {
			t.Fatalf("below the new limit: %+v, want 1 running and 3 waiting", got)
		}
		if _, err := q.Acquire(t.Context(), Ticket{Seq: q.Number()}); codeOf(err) != provider.CodeQueueFull {
			t.Errorf("got %v, want queue_full by the new size", err)
		}
		q.Close()
	})
}

func TestCloseSendsWaitersAwayAndLeavesRunningOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		slot := mustAcquire(t, q)
		a, b := ask(t.Context(), q, Ticket{}), ask(t.Context(), q, Ticket{})
		q.Close()
		q.Close()
		synctest.Wait()
		for _, w := range []*asked{a, b} {
			if codeOf(w.err()) != provider.CodeShutdown {
				t.Errorf("a waiter got %v, want shutdown", w.err())
			}
		}
		if got := q.Stats(); got.InFlight != 1 || got.Waiting != 0 {
			t.Errorf("stats %+v, want the running request alone", got)
		}
		slot.Release()
		if _, err := q.Acquire(t.Context(), Ticket{Seq: q.Number()}); codeOf(err) != provider.CodeShutdown {
			t.Errorf("a closed queue answers %v, want shutdown", err)
		}
	})
}

func TestReleasingASlotTwicePanics(t *testing.T) {
	t.Parallel()
	q := New(Limits{MaxConcurrent: 1})
	slot := mustAcquire(t, q)
	slot.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	slot.Release()
}

func TestNoSlotIsLostInManyRandomCancels(t *testing.T) {
	t.Parallel()
	const workers, rounds, limit = 50, 2000, 4 // 10^5 requests
	q := New(Limits{MaxConcurrent: limit, Unbounded: true})
	var running, over, granted, left atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			for range rounds {
				ctx, cancel := context.WithCancel(context.Background())
				if rnd.IntN(2) == 0 {
					go cancel()
				}
				slot, err := q.Acquire(ctx, Ticket{Seq: q.Number()})
				if err != nil {
					left.Add(1)
				} else {
					granted.Add(1)
					if running.Add(1) > limit {
						over.Add(1)
					}
					runtime.Gosched() // else nobody ever has to wait
					running.Add(-1)
					slot.Release()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if got := q.Stats(); got != (Stats{}) {
		t.Errorf("%+v is left behind", got)
	}
	if over.Load() > 0 {
		t.Errorf("the limit was exceeded %d times", over.Load())
	}
	if granted.Load()+left.Load() != workers*rounds {
		t.Errorf("%d granted and %d left of %d", granted.Load(), left.Load(), workers*rounds)
	}
	if left.Load() == 0 {
		t.Error("no request left the queue, so the test showed nothing")
	}
}
