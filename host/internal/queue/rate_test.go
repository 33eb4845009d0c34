package queue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
)

// ratedQueue is a queue with a pacer that has so much left of the model "slow".
func ratedQueue(limits Limits, left int64) (*Queue, *levels) {
	q, p := New(limits), &levels{left: map[string]int64{"slow": left}, ready: time.Now().Add(time.Hour)}
	q.SetPacer(p)
	return q, p
}

func slow(tokens int64) Ticket { return Ticket{Model: "slow", Tokens: tokens} }

// What a request that was not sent had booked is there for the next one at once.
func TestWhatWasNotSentLetsTheNextOneGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, _ := ratedQueue(Limits{MaxConcurrent: 5, Size: 10}, 10)
		ticket := slow(10)
		first, second := ask(t.Context(), q, ticket), ask(t.Context(), q, ticket)
		if !first.done() || second.done() {
			t.Fatal("the first is to go, the second to wait")
		}
		first.slot().CancelAt(&ticket, time.Now())
		synctest.Wait()
		if !second.done() {
			t.Error("the second still waits")
		}
		q.Close()
	})
}

// Who does not wait takes no turn: those who come later need not wait behind it.
func TestWhoDoesNotWaitKeepsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, _ := ratedQueue(Limits{MaxConcurrent: 5, Size: 10}, 10)
		big := slow(20)
		big.NoWait = true
		if a := ask(t.Context(), q, big); ending(a.err()) != "busy" {
			t.Errorf("got %v", a.err())
		}
		if a := ask(t.Context(), q, slow(1)); !a.done() || a.err() != nil {
			t.Error("a small one waits behind one that is not there")
		}
		q.Close()
	})
}

// The last one who waited for a pace leaves nothing behind in its model's way.
func TestAnEmptyQueueHasNoPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, _ := ratedQueue(Limits{MaxConcurrent: 5, Size: 10}, 10)
		ctx, leave := context.WithCancel(t.Context())
		ask(ctx, q, slow(20))
		leave()
		synctest.Wait()
		if a := ask(t.Context(), q, slow(1)); !a.done() || a.err() != nil {
			t.Error("a small one waits behind one that has left")
		}
		q.Close()
	})
}

// Requests with a key of their own have nothing to do with the pacer: they book
// nothing, and as they leave nobody's turn has come.
func TestRequestsWithTheirOwnKeyAreNotPaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := ratedQueue(Limits{MaxConcurrent: 1, Size: 10}, 0)
		own := slow(5)
		own.Ungated = true
		first := ask(t.Context(), q, own)
		if !first.done() || first.slot().Paced {
			t.Fatal("it is to go, and not to be paced")
		}
		ctx, leave := context.WithCancel(t.Context())
		ask(ctx, q, own)
		first.slot().CancelAt(&own, time.Now())
		synctest.Wait()
		ask(t.Context(), q, slow(5)) // cannot be asked about: no slot is free
		again := ask(ctx, q, own)
		q.mu.Lock()
		q.pace.until = map[string]time.Duration{"slow": time.Hour}
		q.mu.Unlock()
		p.mu.Lock()
		asked, left := p.asked, p.left["slow"]
		p.mu.Unlock()
		leave()
		synctest.Wait()
		if !again.done() || again.err() == nil {
			t.Error("it is to leave")
		}
		if q.pace.until["slow"] != time.Hour || p.asked != asked || left != 0 {
			t.Errorf("until %v, asked %d times more, %d left of 0", q.pace.until["slow"], p.asked-asked, left)
		}
		q.Close()
	})
}

// With waits for a pace among them those who wait are not due in the order in which
// they came: who waits for a slot alone is cut all the same.
func TestAWaitForAPaceHidesNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, _ := ratedQueue(Limits{MaxConcurrent: 1, Size: 10, Overload: config.OverloadCoDel, Target: time.Second, Interval: time.Second}, 0)
		paced := ask(t.Context(), q, slow(1))
		mustAcquire(t, q)
		plain := ask(t.Context(), q, Ticket{})
		sleep(2 * time.Second)
		if paced.done() || ending(plain.err()) != "full" {
			t.Errorf("the paced one got %v, the other %v; want nothing, and an overloaded queue", paced.err(), plain.err())
		}
		q.Close()
	})
}

// Who was kept at the gate may wait for the whole target afterwards, also if a
// queue is standing sooner than that.
func TestAWaitBeginsAnewWithTheGateThoughTheIntervalIsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10, Overload: config.OverloadCoDel, Target: 5 * time.Second, Interval: time.Second})
		mustAcquire(t, q)
		q.Hold(time.Now().Add(time.Minute), broken)
		a := ask(t.Context(), q, Ticket{})
		sleep(30 * time.Second)
		q.Unhold(broken.Code)
		sleep(5*time.Second - 1)
		if a.done() {
			t.Fatalf("got %v before the target", a.err())
		}
		sleep(1)
		if ending(a.err()) != "full" {
			t.Error("it still waits")
		}
		q.Close()
	})
}
