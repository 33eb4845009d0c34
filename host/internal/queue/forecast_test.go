package queue

import (
	"testing"
	"testing/synctest"
	"time"
)

// Each model that is over its pace waits by itself: who comes to it is told what
// its own pace makes of those before, and who comes to another model is not told
// the wait of those.
func TestTheEstimateIsThatOfTheModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := practised(t, 2)
		q.Resize(Limits{MaxConcurrent: 4, Size: 100}) // two more
		q.SetPacer(new(oneASecond))
		for range 11 { // one goes at once
			ask(t.Context(), q, Ticket{Model: "slow"})
		}
		deadline := func(model string, d time.Duration) Ticket {
			ticket := within(d)
			ticket.Model = model
			return ticket
		}
		if a := ask(t.Context(), q, deadline("slow", 10*time.Second)); ending(a.err()) != "full" {
			t.Errorf("behind ten of its model, with ten seconds left, one got %v", a.err())
		}
		if a := ask(t.Context(), q, deadline("slow", 20*time.Second)); a.done() {
			t.Errorf("behind ten of its model, with twenty seconds left, one got %v", a.err())
		}
		mustAcquire(t, q) // the last slot
		if a := ask(t.Context(), q, deadline("fast", 5*time.Second)); a.done() {
			t.Errorf("as the first who waits for a slot, with five seconds left, one got %v", a.err())
		}
		q.Close()
	})
}
