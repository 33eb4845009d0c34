package admission_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reserve takes room or fails the test.
func reserve(t *testing.T, b *admission.Budget, n int64) *admission.Share {
	t.Helper()
	s := new(admission.Share)
	if err := s.Reserve(t.Context(), b, n, 0); err != nil {
		t.Fatal(err)
	}
	return s
}

func wantCode(t *testing.T, err error, want provider.Code) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != want || want != provider.CodeCanceled && e.Source != provider.SourceHost {
		t.Fatalf("got %v, want the host's %s", err, want)
	}
	return e
}

func TestRoomIsGivenInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(1000, 100) // 900 of it common
		first := reserve(t, b, 500)
		var order []int64
		var mu sync.Mutex
		for _, n := range []int64{850, 100, 50} {
			go func() {
				s := reserve(t, b, n)
				mu.Lock()
				order = append(order, n)
				mu.Unlock()
				time.Sleep(time.Second)
				s.Release()
			}()
			synctest.Wait() // they stand in line one after the other
		}
		if s := b.Status(); s.Held != 500 || s.Waiting != 3 {
			t.Fatalf("%+v, want 500 bytes held and 3 waiting, though the last two would fit", s)
		}
		first.Release()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(order) != 3 || order[0] != 850 {
			t.Errorf("served %v, want 850 first", order)
		}
		if s := b.Status(); s.Held != 0 || s.Waiting != 0 || s.Refused != 0 {
			t.Errorf("afterwards %+v", s)
		}
	})
}

func TestWhoWaitsTooLongIsToldTheNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ patience, want time.Duration }{
		{0, admission.MaxWait}, {time.Minute, admission.MaxWait}, {2 * time.Second, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := admission.New(1<<20, 1<<10)
			defer reserve(t, b, 1<<20-2<<10).Release()
			start := time.Now()
			err := new(admission.Share).Reserve(t.Context(), b, 5000, tt.patience)
			e := wantCode(t, err, provider.CodeOverloaded)
			if waited := time.Since(start); waited != tt.want {
				t.Errorf("refused after %s, want %s", waited, tt.want)
			}
			want := "no memory was free for a body of 5000 bytes in " + tt.want.String() +
				": bodies under way hold 1046528 bytes of the 1MiB that server.max_buffered_size allows, and 0 other requests wait"
			if e.Message != want || e.RetryAfter != time.Second {
				t.Errorf("got %s (retry after %s)\nwant %s", e.Message, e.RetryAfter, want)
			}
			if s := b.Status(); s.Refused != 1 || s.Waiting != 0 || s.Held != 1<<20-2<<10 {
				t.Errorf("afterwards %+v", s)
			}
		})
	}
}

func TestABodyThatNeverFitsIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, start := admission.New(1000, 100), time.Now()
		e := wantCode(t, new(admission.Share).Reserve(t.Context(), b, 901, 0), provider.CodeTooLarge)
		if !strings.Contains(e.Message, "takes 901 bytes; at most 900 ") || time.Since(start) != 0 {
			t.Errorf("after %s: %s", time.Since(start), e.Message)
		}
	})
}

func TestWhoLeavesGivesUpThePlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(1000, 100)
		first := reserve(t, b, 900)
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- new(admission.Share).Reserve(ctx, b, 800, 0) }()
		synctest.Wait()
		next := make(chan *admission.Share)
		go func() { next <- reserve(t, b, 100) }()
		synctest.Wait()
		leave()
		wantCode(t, <-left, provider.CodeCanceled)
		first.Release()
		(<-next).Release()
		if s := b.Status(); s.Held != 0 || s.Refused != 0 {
			t.Errorf("afterwards %+v; who leaves was not refused", s)
		}
	})
}

func TestGrowingBodiesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(1000, 400) // 600 common: three bodies hold all of it
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			s := reserve(t, b, 200)
			wg.Go(func() {
				defer s.Release()
				if err := s.Grow(t.Context(), 200); err != nil {
					t.Error(err)
				}
				if err := s.Grow(t.Context(), 100); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
			})
		}
		wg.Wait()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s, want one after the other, 3s", took)
		}
		if s := b.Status(); s.Held != 0 || s.Refused != 0 {
			t.Errorf("afterwards %+v", s)
		}
	})
}

func TestGrowingIsBoundedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(1000, 400)
		full, grower, other := reserve(t, b, 400), reserve(t, b, 100), reserve(t, b, 100)
		if err := grower.Grow(t.Context(), 300); err != nil {
			t.Fatal(err)
		}
		wantCode(t, grower.Grow(t.Context(), 101), provider.CodeOverloaded)
		wantCode(t, other.Grow(t.Context(), 1), provider.CodeOverloaded) // the turn is taken for longer than it waits
		if other.Waited() != admission.MaxWait || grower.Waited() != 0 {
			t.Errorf("waited %s and %s", other.Waited(), grower.Waited())
		}
		for _, s := range []*admission.Share{full, grower, other} {
			s.Release()
			s.Release() // more than once is allowed
		}
		if s := b.Status(); s.Held != 0 || s.Refused != 2 {
			t.Errorf("afterwards %+v", s)
		}
		again := reserve(t, b, 600)
		defer again.Release()
		if err := again.Grow(t.Context(), 400); err != nil { // the turn was given back
			t.Error(err)
		}
	})
}

// In a crowd of bodies of all kinds the bound holds at every moment, and each of
// them ends.
func TestTheBoundHoldsInACrowd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			const size, largest = 10_000, 1000
			b := admission.New(size, largest)
			random := rand.New(rand.NewPCG(seed, 1))
			var wg sync.WaitGroup
			for range 200 {
				first, arrival, work := random.Int64N(largest), upTo(random, 5*time.Second), upTo(random, time.Second)
				grows := first < largest/2 && random.IntN(2) == 0
				patience := upTo(random, 2*admission.MaxWait)
				wg.Go(func() {
					time.Sleep(arrival)
					var s admission.Share
					defer s.Release()
					err := s.Reserve(t.Context(), b, first, patience)
					for size := first; err == nil && grows && 2*size <= largest && size > 0; size *= 2 {
						time.Sleep(work / 10)
						err = s.Grow(t.Context(), size)
					}
					if held := b.Status().Held; held > size || held < 0 {
						t.Errorf("%d bytes held of %d", held, size)
					}
					if err != nil {
						wantCode(t, err, provider.CodeOverloaded)
						return
					}
					time.Sleep(work)
				})
			}
			start := time.Now()
			wg.Wait()
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %s", took)
			}
			if s := b.Status(); s.Held != 0 || s.Waiting != 0 {
				t.Errorf("afterwards %+v", s)
			}
		})
	}
}

func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

func TestReservingCostsNoMemory(t *testing.T) {
	b := admission.New(1<<20, 1<<10)
	ctx := t.Context()
	allocs := testing.AllocsPerRun(100, func() {
		var s admission.Share
		if err := s.Reserve(ctx, b, 100, 0); err != nil {
			t.Fatal(err)
		}
		s.Release()
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}
