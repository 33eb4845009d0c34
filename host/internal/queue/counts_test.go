package queue

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/status"
)

// TestEachRefusalIsCountedByItsReason refuses two requests for each reason.
func TestEachRefusalIsCountedByItsReason(t *testing.T) {
	t.Parallel()
	for reason, refuse := range map[status.Refusal]func(ctx context.Context, q *Queue){
		status.RefusedFull: func(ctx context.Context, q *Queue) {
			q.Resize(Limits{MaxConcurrent: 1})
			ask(ctx, q, Ticket{})
			ask(ctx, q, Ticket{})
		},
		status.RefusedBytes: func(ctx context.Context, q *Queue) {
			q.Resize(Limits{MaxConcurrent: 1, Size: 9, MaxBytes: 10})
			ask(ctx, q, Ticket{Bytes: 11})
			ask(ctx, q, Ticket{Bytes: 12})
		},
		status.RefusedRoom: func(ctx context.Context, q *Queue) {
			q.Resize(Limits{MaxConcurrent: 1, Size: 2})
			for range 2 {
				ask(ctx, q, Ticket{Priority: caller.Low})
			}
			for range 2 {
				ask(ctx, q, Ticket{Priority: caller.High})
			}
		},
		status.RefusedLate: func(ctx context.Context, q *Queue) {
			for range 2 {
				ask(ctx, q, Ticket{Deadline: time.Now().Add(time.Second)})
			}
		},
		status.RefusedOverload: func(ctx context.Context, q *Queue) {
			q.Resize(Limits{MaxConcurrent: 1, Size: 9, Overload: config.OverloadCoDel, Target: time.Second, Interval: 5 * time.Second})
			ask(ctx, q, Ticket{})
			ask(ctx, q, Ticket{})
			time.Sleep(time.Minute)
		},
	} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				q := New(Limits{MaxConcurrent: 1, Size: 9})
				slow := mustAcquire(t, q)
				time.Sleep(10 * time.Second) // so that the queue knows how long a slot is taken
				slow.Release()
				mustAcquire(t, q)
				if got := q.Refused(); got != nil {
					t.Errorf("counted before: %v", got)
				}
				refuse(ctx, q)
				synctest.Wait()
				if got, want := q.Refused(), map[status.Refusal]uint64{reason: 2}; !maps.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				if q.Paced() != 0 {
					t.Errorf("%d requests counted as paced", q.Paced())
				}
				if q.ResetCounts(); q.Refused() != nil {
					t.Errorf("%v are counted after a reset", q.Refused())
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// oneASecond lets a request of each model with a "slow" name go each second.
type oneASecond struct{ next map[string]time.Time }

// Return is for slots with which nothing was sent.
func (p *oneASecond) Return(time.Time, string, int64) {}

// Ahead is asked for who arrives.
func (p *oneASecond) Ahead(_ time.Time, _ string, _ int64, before int) time.Duration {
	return time.Duration(before+1) * time.Second
}

func (p *oneASecond) Take(now time.Time, model string, _ int64) time.Duration {
	if !strings.HasPrefix(model, "slow") {
		return 0
	}
	if wait := p.next[model].Sub(now); wait > 0 {
		return wait
	}
	if p.next == nil {
		p.next = make(map[string]time.Time)
	}
	p.next[model] = now.Add(time.Second)
	return 0
}

func TestRequestsThatWaitForARateOnlyAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 5, Size: 9})
		q.SetPacer(new(oneASecond))
		for range 4 {
			ask(t.Context(), q, Ticket{Model: "slow"})
		}
		ask(t.Context(), q, Ticket{Model: "fast"})
		if q.Paced() != 3 {
			t.Errorf("%d requests are counted as paced, want 3", q.Paced())
		}
		time.Sleep(10 * time.Second)
		ask(t.Context(), q, Ticket{Model: "slow"}) // may go, but all slots are taken
		ask(t.Context(), q, Ticket{Model: "slow"}) // waits, and would for a slot too
		if q.Paced() != 3 || q.Refused() != nil {
			t.Errorf("%d requests are counted as paced, want 3; refused %v", q.Paced(), q.Refused())
		}
		for range 5 { // all slots are taken: it is not the pace alone that keeps these
			ask(t.Context(), q, Ticket{Model: "fast"})
		}
		ask(t.Context(), q, Ticket{Model: "slow"})
		if q.Paced() != 3 {
			t.Errorf("%d requests are counted as paced, want 3", q.Paced())
		}
		if q.ResetCounts(); q.Paced() != 0 {
			t.Errorf("%d are counted after a reset", q.Paced())
		}
		q.Close()
		synctest.Wait()
	})
}
