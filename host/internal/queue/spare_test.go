package queue

import (
	"strconv"
	"testing"
	"testing/synctest"
)

// What is kept to be used again is bounded, and is used.
func TestSparesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const crowd = 3 * maxSpareWaiters
		q := New(Limits{MaxConcurrent: 1, Unbounded: true})
		slot := mustAcquire(t, q)
		all := make([]*asked, crowd)
		for i := range all {
			all[i] = ask(t.Context(), q, Ticket{Tenant: strconv.Itoa(i)})
		}
		for _, a := range all {
			slot.Release()
			synctest.Wait()
			slot = a.slot()
		}
		slot.Release()
		if q.spares > maxSpareWaiters || q.waiting.spares != maxSpare {
			t.Errorf("%d waiters and %d tenants are kept", q.spares, q.waiting.spares)
		}
		slot = mustAcquire(t, q)
		before := q.spares
		next := ask(t.Context(), q, Ticket{})
		if before == 0 || q.spares != before-1 {
			t.Errorf("of %d waiters that are kept %d are left with one in use", before, q.spares)
		}
		slot.Release()
		synctest.Wait()
		next.slot().Release()
	})
}
