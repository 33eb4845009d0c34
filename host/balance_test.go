package host

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/balance"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestARouteSharesItsRequestsByWeight(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a, b, spare := always(reply{}), always(reply{}), always(reply{})
		h := world(route.Rule{Balance: balance.Rule{Kind: balance.Weighted}, Weights: map[string]int{"a": 3, "spare": 0}},
			part{id: "spare", service: spare}, part{id: "a", service: a}, part{id: "b", service: b})
		const n = 10_000
		for range n {
			if _, err := h.Call(t.Context(), chatRequest()); err != nil {
				t.Fatal(err)
			}
		}
		got, _ := a.count()
		if off := math.Abs(float64(got) - 0.75*n); off > 5*math.Sqrt(n*0.75*0.25) {
			t.Errorf("a had %d of %d requests, want three of four", got, n)
		}
		if calls, _ := spare.count(); calls != 0 {
			t.Errorf("the spare had %d requests", calls)
		}
		h.ep("a").Close()
		h.ep("b").Close()
		if _, r, err := h.call(t.Context(), chatRequest()); err != nil || r.Endpoint != "spare" {
			t.Errorf("without the others: %q, %v", r.Endpoint, err)
		}
	})
}

func TestAStickyClientStaysMovesOnAndComesBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		broken := false
		home := ""
		var parts []part
		for _, id := range []string{"a", "b", "c"} {
			parts = append(parts, part{id: id, policy: func(p *config.Policy) { p.Breaker.ConsecutiveFailures = 1 },
				service: &service{answer: func(int) reply {
					if broken && id == home {
						return reply{err: upstream(provider.CodeUpstream)}
					}
					return reply{}
				}}})
		}
		h := world(route.Rule{Balance: balance.Rule{Kind: balance.LeastInFlight, Sticky: "x-session"}}, parts...)
		ask := func(session string) string {
			t.Helper()
			ctx := WithCaller(t.Context(), Caller{Header: http.Header{"X-Session": {session}}})
			_, r, err := h.call(ctx, chatRequest())
			if err != nil {
				t.Fatal(err)
			}
			return r.Endpoint
		}
		homes := make(map[string]string)
		for i := range 30 {
			session := fmt.Sprintf("session %d", i)
			homes[session] = ask(session)
		}
		const mine = "session 7"
		home = homes[mine]
		for session, want := range homes {
			if got := ask(session); got != want {
				t.Errorf("%s moved from %s to %s", session, want, got)
			}
		}
		broken = true
		away := ask(mine) // this one opens the circuit of its home
		for range 3 {
			if got := ask(mine); got != away || got == home {
				t.Errorf("away from %s it is at %s, then at %s", home, away, got)
			}
		}
		for session, want := range homes {
			if got := ask(session); want != home && got != want {
				t.Errorf("%s left %s, which had no trouble, for %s", session, want, got)
			}
		}
		broken = false
		time.Sleep(10 * time.Second)
		if got := ask(mine); got != home {
			t.Errorf("it is at %s and did not come back to %s", got, home)
		}
	})
}

func TestWithoutTheHeaderAStickyRouteBalances(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a, b := always(reply{}), always(reply{})
		h := world(route.Rule{Balance: balance.Rule{Kind: balance.Weighted, Sticky: "x-session"}}, part{id: "a", service: a}, part{id: "b", service: b})
		for range 200 {
			if _, err := h.Call(t.Context(), chatRequest()); err != nil {
				t.Fatal(err)
			}
		}
		if calls, _ := a.count(); calls < 50 || calls > 150 {
			t.Errorf("a had %d of 200 requests", calls)
		}
	})
}

func TestTheLeastBusyEndpointHasTheNextRequest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		slow, fast := always(reply{after: time.Minute}), always(reply{after: time.Second})
		h := world(balanced(balance.LeastInFlight), part{id: "slow", service: slow}, part{id: "fast", service: fast})
		const n = 300
		for range n { // one each 100 ms
			go func() { _, _ = h.Call(t.Context(), chatRequest()) }()
			time.Sleep(100 * time.Millisecond)
		}
		// Both have about as many in flight: some ten, of which the slow one ends none
		// in this time.
		slowCalls, _ := slow.count()
		fastCalls, _ := fast.count()
		if slowCalls+fastCalls != n || slowCalls > 30 {
			t.Errorf("the slow one had %d requests, the fast one %d", slowCalls, fastCalls)
		}
		time.Sleep(2 * time.Minute)
		wantQuiet(t, h, slow, fast)
	})
}

// TestTheFasterEndpointHasMostRequests: and the slower one is tried again, so
// that it is noticed when it has become the faster.
func TestTheFasterEndpointHasMostRequests(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		swapped := false
		speed := func(slow bool) *service {
			return &service{answer: func(int) reply {
				if slow != swapped {
					return reply{after: 3 * time.Second}
				}
				return reply{after: 100 * time.Millisecond}
			}}
		}
		a, b := speed(false), speed(true)
		h := world(balanced(balance.Latency), part{id: "a", service: a}, part{id: "b", service: b})
		load := func() (toA, toB int) {
			a0, _ := a.count()
			b0, _ := b.count()
			for range 600 { // a minute of ten each second
				go func() { _, _ = h.Call(t.Context(), chatRequest()) }()
				time.Sleep(100 * time.Millisecond)
			}
			a1, _ := a.count()
			b1, _ := b.count()
			return a1 - a0, b1 - b0
		}
		if toA, toB := load(); toA < 9*toB {
			t.Errorf("the fast one had %d requests, the slow one %d", toA, toB)
		}
		swapped = true
		if toA, toB := load(); toB < 5*toA {
			t.Errorf("after they changed places the fast one had %d requests, the slow one %d", toB, toA)
		}
		time.Sleep(time.Minute)
		wantQuiet(t, h, a, b)
	})
}
