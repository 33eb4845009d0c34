package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// storm is very many requests of all kinds at once, with everything that can
// happen to a queue meanwhile.
type storm struct {
	q        *Queue
	requests int          // of each worker
	quick    atomic.Int64 // grants that took no lock
	running  atomic.Int64
	most     atomic.Int64 // that ran at the same time

	// Written under the queue's lock.
	grants     int
	inversions int // grants that overtook somebody who could have gone
	over       int // grants above the limit

	// Written under mu.
	mu      sync.Mutex
	answers map[string]int
}

// granted looks for somebody whose turn it was before t.
func (s *storm) granted(t Ticket, inFlight int) {
	s.grants++
	if inFlight > s.q.limits.MaxConcurrent {
		s.over++
	}
	s.q.waiting.each(func(w *waiter) {
		if w.Seq < t.Seq && w.Tenant == t.Tenant && w.Priority == t.Priority && s.eligible(&w.Ticket) {
			s.inversions++
		}
	})
}

// passed counts a grant that took no lock. Nobody waited at its moment; whether
// that is so shows in that nobody is left waiting, and in the model's histories.
func (s *storm) passed(Ticket, int) { s.quick.Add(1) }

// begin and end count who runs as the service would.
func (s *storm) begin() {
	n := s.running.Add(1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
}

func (s *storm) end() { s.running.Add(-1) }

// eligible reports whether gate and pacer would let t go. The pacer has been
// asked for all before t, so what it said then is enough.
func (s *storm) eligible(t *Ticket) bool {
	return t.Ungated || (s.q.gate.admits() && s.q.pace.until[t.Model] <= s.q.now(time.Time{}))
}

func (s *storm) work(rnd *rand.Rand) {
	var again Ticket // of the latest request that ended, to be repeated
	for range s.requests {
		t := Ticket{
			Seq: s.q.Number(), Tenant: []string{"", "a", "b"}[rnd.IntN(3)], Priority: caller.Priority(rnd.IntN(3) - 1),
			Model: []string{"", "", "slow"}[rnd.IntN(3)], Ungated: rnd.IntN(20) == 0, NoWait: rnd.IntN(20) == 0, Bytes: rnd.Int64N(10),
			Deadline: time.Now().Add(time.Duration(1+rnd.IntN(500)) * time.Millisecond),
		}
		if rnd.IntN(2) == 0 {
			t.End = t.Deadline
		}
		if again.Seq > 0 && rnd.IntN(4) == 0 {
			t, again = again, Ticket{}
			t.Retry = true
		}
		ctx, cancel := context.WithCancel(context.Background())
		if rnd.IntN(4) == 0 {
			time.AfterFunc(time.Duration(rnd.IntN(20))*time.Millisecond, cancel)
		}
		slot, err := s.q.Acquire(ctx, t)
		if err == nil {
			s.begin()
			if rnd.IntN(2) == 0 {
				slot.Passed()
			}
			time.Sleep(time.Duration(rnd.IntN(5)) * time.Millisecond)
			s.end()
			slot.Release()
			again = t
		} else {
			time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond) // else most are refused
		}
		s.answered(err)
		cancel()
	}
}

func (s *storm) answered(err error) {
	name := "served"
	switch {
	case err == nil:
	case codeOf(err) == provider.CodeRateLimit:
		name = "gate"
	default:
		name = ending(err)
	}
	s.mu.Lock()
	s.answers[name]++
	s.mu.Unlock()
}

// maxSlots is the highest limit of a storm.
const maxSlots = 60

// disturb changes limits and shuts the gate until the storm is over.
func (s *storm) disturb(rnd *rand.Rand, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(rnd.IntN(30)) * time.Millisecond):
		}
		switch rnd.IntN(5) {
		case 0:
			s.q.Resize(Limits{MaxConcurrent: 1 + rnd.IntN(maxSlots), Size: rnd.IntN(300), MaxBytes: 1000, Overload: "codel", Timeout: 100 * time.Millisecond})
		case 1, 2:
			s.q.SetConcurrency(1 + rnd.IntN(maxSlots))
		case 3:
			s.q.Wake()
		case 4:
			if rnd.IntN(4) == 0 {
				s.q.Hold(time.Now().Add(time.Duration(rnd.IntN(50))*time.Millisecond), nil)
			}
		}
	}
}

// TestAStormLosesNothing sends a million requests through one queue. Each gets
// exactly one answer, no grant overtakes who could have gone, the limit holds
// at every grant across its changes, and nothing is left. Once there is a pacer,
// so that the queue is never calm; and once there is none, and lulls.
func TestAStormLosesNothing(t *testing.T) {
	t.Parallel()
	for name, workers := range map[string]int{"paced": 200, "with lulls": 25} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testStorm(t, workers, name == "paced")
		})
	}
}

func testStorm(t *testing.T, workers int, paced bool) {
	s := &storm{requests: 1_000_000 / workers / slower, answers: map[string]int{}}
	if testing.Short() {
		s.requests = 50_000 / workers
	}
	synctest.Test(t, func(t *testing.T) {
		s.q = New(Limits{MaxConcurrent: 20, Size: 100})
		if paced {
			s.q.SetPacer(&rated{every: 2 * time.Millisecond})
		}
		s.q.granted, s.q.passed = s.granted, s.passed
		over := make(chan struct{})
		go s.disturb(rand.New(rand.NewPCG(1, 0)), over)
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() { s.work(rand.New(rand.NewPCG(2, uint64(i)))) })
		}
		wg.Wait()
		close(over)
		if got := s.q.Stats(); got.Waiting != 0 || got.Bytes != 0 || got.InFlight != 0 || s.q.InFlight() != 0 {
			t.Errorf("%+v is left behind", got)
		}
		s.q.Close()
	})
	total := 0
	for _, kind := range []string{"served", "full", "left", "busy", "gate"} {
		if s.answers[kind] == 0 {
			t.Errorf("no request ended as %q, so the storm was none", kind)
		}
		total += s.answers[kind]
	}
	if total != workers*s.requests || s.inversions > 0 || s.over > 0 || s.most.Load() > maxSlots {
		t.Errorf("%d answers to %d requests, %d inversions, %d grants above the limit, %d at once of %d",
			total, workers*s.requests, s.inversions, s.over, s.most.Load(), maxSlots)
	}
	if quick := s.quick.Load(); (quick == 0) != paced {
		t.Errorf("%d grants took no lock", quick)
	}
	t.Logf("%d grants under the lock, %d without, answers %v", s.grants, s.quick.Load(), s.answers)
}

// rated lets a request of the model "slow" go in each span of time.
type rated struct {
	every time.Duration
	next  time.Time
}

// Take is asked by the queue.
func (r *rated) Take(now time.Time, model string, _ int64) time.Duration {
	if model != "slow" {
		return 0
	}
	if wait := r.next.Sub(now); wait > 0 {
		return wait
	}
	r.next = now.Add(r.every)
	return 0
}

// Ahead is asked for who arrives.
func (r *rated) Ahead(_ time.Time, _ string, _ int64, before int) time.Duration {
	return time.Duration(before) * r.every
}

// Return is for slots with which nothing was sent.
func (r *rated) Return(time.Time, string, int64) {}

// TestAMillionGrantsAreInOrder is the plain case: one tenant, one priority, of
// whom some leave and some come again.
func TestAMillionGrantsAreInOrder(t *testing.T) {
	t.Parallel()
	const workers = 100
	rounds := 10_000 / slower
	if testing.Short() {
		rounds = 500
	}
	s := &storm{}
	var served int
	synctest.Test(t, func(t *testing.T) {
		s.q = New(Limits{MaxConcurrent: 10, Size: workers})
		s.q.granted, s.q.passed = s.granted, s.passed
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(3, uint64(i)))
				mine := 0
				for mine < rounds {
					mine += s.plain(rnd)
				}
				mu.Lock()
				served += mine
				mu.Unlock()
			})
		}
		wg.Wait()
	})
	if s.grants+int(s.quick.Load()) < served || served < workers*rounds || s.inversions > 0 || s.over > 0 {
		t.Errorf("%d grants, %d without the lock, for %d served, %d inversions, %d above the limit", s.grants, s.quick.Load(), served, s.inversions, s.over)
	}
	t.Logf("%d grants", s.grants)
}

// plain makes a request of one to three attempts and returns how many were served.
func (s *storm) plain(rnd *rand.Rand) (served int) {
	t := Ticket{Seq: s.q.Number()}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if rnd.IntN(10) == 0 {
		time.AfterFunc(time.Duration(rnd.IntN(1000))*time.Microsecond, cancel)
	}
	for range 1 + rnd.IntN(3) {
		slot, err := s.q.Acquire(ctx, t)
		if errors.Is(err, ErrLeft) {
			return served
		}
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Microsecond)
		slot.Release()
		served++
		t.Retry = true
	}
	return served
}
