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

// What counts for whom: by model, by key, with the gate shut, and for a model that
// nobody has asked the pacer about.
func TestTheEstimateAddsUpWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := practised(t, 2)
		q.Resize(Limits{MaxConcurrent: 5, Size: 100})
		q.SetPacer(new(oneASecond))
		for range 6 { // one of each goes at once
			ask(t.Context(), q, Ticket{Model: "slow"})
			ask(t.Context(), q, Ticket{Model: "slower"})
		}
		ask(t.Context(), q, Ticket{Model: "fast"}) // gets the last slot
		ask(t.Context(), q, Ticket{Model: "fast"})
		check := func(when string, wants map[Ticket]time.Duration) {
			t.Helper()
			q.mu.Lock()
			defer q.mu.Unlock()
			for ticket, want := range wants {
				if got := q.estimate(&ticket, q.now(time.Time{})); got != want {
					t.Errorf("%s: %+v is to wait %v, want %v", when, ticket, got, want)
				}
			}
		}
		const slot = 800 * time.Millisecond // five slots of 4 s each
		fast, slow, own := Ticket{Model: "fast"}, Ticket{Model: "slow"}, Ticket{Model: "slow", Ungated: true}
		check("at first", map[Ticket]time.Duration{fast: 2 * slot, slow: 6*time.Second + 2*slot, own: 2 * slot})
		q.pace.until["slow"] += 20 * time.Second
		check("with a longer pace", map[Ticket]time.Duration{slow: 21*time.Second + 2*slot})
		q.pace.until["slow"] -= 20 * time.Second
		q.Hold(time.Now().Add(3*time.Second), nil)
		check("at the gate", map[Ticket]time.Duration{fast: 3*time.Second + 2*slot, slow: 6*time.Second + 2*slot, own: 2 * slot})
		q.Close()
	})
}

// The flow is that of waits for a slot: at what rate a pacer lets requests go
// says nothing of it.
func TestAPaceIsNoFlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 100, Size: 100})
		q.SetPacer(new(oneASecond))
		sleep(time.Second)
		for range 20 {
			ask(t.Context(), q, Ticket{Model: "slow"})
		}
		sleep(10 * time.Second)
		if got := q.Stats(); got.InFlight != 11 || q.flow != (flow{}) {
			t.Errorf("%d run, and the flow is %+v", got.InFlight, q.flow)
		}
		q.Close()
	})
}
