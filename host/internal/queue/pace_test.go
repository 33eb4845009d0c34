package queue

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
)

// levels is a pacer whose models have a level, which the test sets; without one
// they have as much as they want.
type levels struct {
	mu     sync.Mutex
	left   map[string]int64
	ready  time.Time // when the test will have raised them
	booked []int64
	asked  int
}

// Take is asked by the queue.
func (l *levels) Take(now time.Time, model string, tokens int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	left, ok := l.left[model]
	if ok && left < tokens {
		return max(l.ready.Sub(now), time.Nanosecond)
	}
	if ok {
		l.left[model] -= tokens
	}
	l.booked = append(l.booked, tokens)
	return 0
}

// Ahead says only when the test will have raised the levels.
func (l *levels) Ahead(now time.Time, _ string, _ int64, _ int) time.Duration {
	return l.ready.Sub(now)
}

// Return is asked by the queue.
func (l *levels) Return(_ time.Time, model string, tokens int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.left[model]; ok {
		l.left[model] += tokens
	}
}

func (l *levels) raise(model string, to int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left[model] = to
}

func TestAModelOverItsPaceHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 3, Size: 10})
		pacer := &levels{left: map[string]int64{"slow": 10}, ready: time.Now().Add(time.Minute)}
		q.SetPacer(pacer)
		big := ask(t.Context(), q, Ticket{Model: "slow", Tokens: 20})
		small := ask(t.Context(), q, Ticket{Model: "slow", Tokens: 5})
		other := ask(t.Context(), q, Ticket{Model: "fast", Tokens: 1000})
		own := ask(t.Context(), q, Ticket{Model: "slow", Tokens: 1000, Ungated: true})
		if big.done() || small.done() || !other.done() || !own.done() {
			t.Fatalf("big %v, small %v, other %v, own key %v; want the latter two to run", big.done(), small.done(), other.done(), own.done())
		}
		pacer.raise("slow", 26)
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if big.done() {
			t.Fatal("the pacer was asked before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !big.done() || small.done() {
			t.Fatalf("big %v, small %v; want the first to have the last slot", big.done(), small.done())
		}
		big.slot().Release()
		synctest.Wait()
		if !small.done() || small.err() != nil {
			t.Errorf("the second was not served: %v", small.err())
		}
		if got := q.Stats(); got.InFlight != 3 {
			t.Errorf("stats %+v, want three running", got)
		}
	})
}

func TestTheQueueLooksAgainWhenLevelsChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 3, Size: 10})
		pacer := &levels{left: map[string]int64{"slow": 0}, ready: time.Now().Add(time.Hour)}
		q.SetPacer(pacer)
		first := ask(t.Context(), q, Ticket{Model: "slow", Tokens: 5})
		pacer.raise("slow", 5)
		q.Wake()
		synctest.Wait()
		if !first.done() {
			t.Fatal("the queue did not wake up")
		}
		second := ask(t.Context(), q, Ticket{Model: "slow", Tokens: 5})
		q.SetPacer(nil)
		synctest.Wait()
		if !second.done() {
			t.Error("a request waits for a pacer that is gone")
		}
	})
}

func TestWhoLeavesDoesNotHoldUpItsModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 3, Size: 10})
		q.SetPacer(&levels{left: map[string]int64{"slow": 10}, ready: time.Now().Add(time.Hour)})
		ctx, cancel := contextOf(t)
		ask(ctx, q, Ticket{Model: "slow", Tokens: 20})
		small := ask(t.Context(), q, Ticket{Model: "slow", Tokens: 10})
		cancel()
		synctest.Wait()
		if !small.done() {
			t.Error("a request waits for one that has left")
		}
	})
}

func TestWhoWaitsForAPaceIsNotAskedForAllTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 1000})
		pacer := &levels{left: map[string]int64{"slow": 0}, ready: time.Now().Add(time.Hour)}
		q.SetPacer(pacer)
		for range 100 {
			ask(t.Context(), q, Ticket{Model: "slow", Tokens: 1})
		}
		for range 100 {
			slot, err := q.Acquire(t.Context(), Ticket{Seq: q.Number(), Model: "fast"})
			if err != nil {
				t.Fatal(err)
			}
			slot.Release()
		}
		if pacer.asked > 102 {
			t.Errorf("the pacer was asked %d times, want once for the slow model and once for each other request", pacer.asked)
		}
		q.Close()
	})
}

// TestABookedPaceIsUsed lets the pacer refuse in the middle of a line: it must
// not be asked for anybody who does not go then.
func TestABookedPaceIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 2, Size: 10})
		pacer := &levels{}
		q.SetPacer(pacer)
		for i := range 6 {
			ask(t.Context(), q, Ticket{Tokens: int64(i)})
		}
		if got := q.InFlight(); got != 2 || len(pacer.booked) != 2 {
			t.Errorf("%d run, booked %v; want what runs to be booked", got, pacer.booked)
		}
		q.Close()
	})
}

// TestAPriorityThatIsOwedATurnButOverItsPaceHoldsUpNoOther lets normal requests wait
// for their pace, so that the turn they are owed cannot be taken.
func TestAPriorityThatIsOwedATurnButOverItsPaceHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 100})
		q.SetPacer(&levels{left: map[string]int64{"slow": 0}, ready: time.Now().Add(time.Hour)})
		slot := mustAcquire(t, q)
		ask(t.Context(), q, Ticket{Model: "slow", Tokens: 1})
		low := ask(t.Context(), q, Ticket{Priority: caller.Low})
		var high []*asked
		for range 20 {
			high = append(high, ask(t.Context(), q, Ticket{Priority: caller.High}))
		}
		for i := range guard {
			slot.Release()
			synctest.Wait()
			slot = high[i].slot()
		}
		slot.Release()
		synctest.Wait()
		if !low.done() {
			t.Error("the low priority was not given its turn")
		}
		q.Close()
	})
}

func TestModelsThatNobodyWaitsForAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 1})
		q.SetPacer(always(time.Hour))
		first := ask(t.Context(), q, Ticket{Model: "first"}) // the queue is not empty, and full
		for i := range 1000 {
			ask(t.Context(), q, Ticket{Model: strconv.Itoa(i)})
		}
		q.mu.Lock()
		kept, waits := len(q.pace.until), q.pace.until["first"] > 0
		q.mu.Unlock()
		if kept > 2+maxIdlePaces || !waits || first.done() {
			t.Errorf("%d models are kept, that of who waits: %v", kept, waits)
		}
		q.Close()
	})
}

// always is a pacer that lets nobody go.
type always time.Duration

// Take is asked by the queue.
func (a always) Take(time.Time, string, int64) time.Duration { return time.Duration(a) }

// Ahead is as long for everybody.
func (a always) Ahead(time.Time, string, int64, int) time.Duration { return time.Duration(a) }

// Return is for slots with which nothing was sent.
func (always) Return(time.Time, string, int64) {}
