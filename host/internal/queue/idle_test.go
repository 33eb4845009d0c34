package queue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
)

// However the last waiter goes, the time until somebody waits again is not a gap
// in which the queue has moved too slowly.
func TestAQueueThatWaitersLeaveForgetsWhenItMoved(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(leave context.CancelFunc){
		"by themselves":         func(leave context.CancelFunc) { leave() },
		"as their wait was cut": func(context.CancelFunc) { sleep(20 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := New(Limits{MaxConcurrent: 1, Size: 100, Overload: config.OverloadCoDel, Target: 5 * time.Second, Interval: 5 * time.Second})
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				slot := mustAcquire(t, q)
				first := ask(t.Context(), q, Ticket{})
				sleep(time.Second)
				last := ask(ctx, q, within(30*time.Second))
				sleep(time.Second)
				slot.Release()
				synctest.Wait()
				empty(leave)
				sleep(time.Second)
				if !first.done() || first.err() != nil || !last.done() || last.err() == nil {
					t.Fatal("the first is to have a slot, and the last to be gone")
				}
				sleep(time.Hour)
				if a := ask(t.Context(), q, within(10*time.Second)); a.done() {
					t.Errorf("the first to wait for an hour got %v", a.err())
				}
				q.Close()
			})
		})
	}
}
