package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func hedging(p *config.Policy) { p.Hedge.Enabled = true }

// stalls is a fake service whose first chunk takes 0.2 to 0.6 s, but stalls for
// 5 to 10 s in three of a hundred calls.
func stalls(seed uint64) *service {
	random := rand.New(rand.NewPCG(seed, 0))
	return &service{answer: func(int) reply {
		if random.Float64() < 0.03 {
			return reply{after: 5*time.Second + time.Duration(random.Int64N(int64(5*time.Second)))}
		}
		return reply{after: 200*time.Millisecond + time.Duration(random.Int64N(int64(400*time.Millisecond)))}
	}}
}

// load sends n streams, twenty each second, and returns their times to the first
// chunk, sorted, without those of the first half minute.
func load(t *testing.T, h *Host, n int) []time.Duration {
	t.Helper()
	var mu sync.Mutex
	var times []time.Duration
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			start := time.Now()
			req := chatRequest()
			req.RequestID = fmt.Sprintf("id-%d", i)
			s, _, err := h.stream(t.Context(), req)
			if err != nil {
				t.Error(err)
				return
			}
			took := time.Since(start)
			if err := finish(s); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if i >= 600 {
				times = append(times, took)
			}
		})
		time.Sleep(50 * time.Millisecond)
	}
	wg.Wait()
	slices.Sort(times)
	return times
}

// at is a quantile of sorted times.
func at(times []time.Duration, q float64) time.Duration { return times[int(q*float64(len(times)))] }

// TestHedgingCutsTheTail is the stall mix of "The Tail at Scale", with a second
// attempt for at most one request of twenty.
func TestHedgingCutsTheTail(t *testing.T) {
	t.Parallel()
	n := 20_000
	if testing.Short() || raceEnabled {
		n = 4_000
	}
	run := func(name string, two bool, policy func(*config.Policy)) (p99, p999 time.Duration) {
		bubble(t, func(t *testing.T) {
			a, b := stalls(1), stalls(2)
			parts := []part{{id: "a", service: a, policy: policy}}
			if two {
				parts = append(parts, part{id: "b", service: b, policy: policy})
			}
			h := world(ordered(), parts...)
			times := load(t, h, n)
			callsA, _ := a.count()
			callsB, _ := b.count()
			extra := float64(callsA+callsB-n) / float64(n)
			if p99, p999 = at(times, 0.99), at(times, 0.999); extra > 0.05 {
				t.Errorf("%s: %.2f %% more calls", name, 100*extra)
			}
			t.Logf("%s: p50 %v, p99 %v, p99.9 %v, %.2f %% more calls", name, at(times, 0.5), p99, p999, 100*extra)
			wantQuiet(t, h, a, b)
			for _, id := range []string{"a", "b"} {
				if e := h.state.Load().endpoints[id]; e != nil && e.endpoint.Stats().Circuit.Failures != 0 {
					t.Errorf("%s: what was outrun counts against %s", name, id)
				}
			}
		})
		return p99, p999
	}
	plain, _ := run("no hedging", false, nil)
	for _, two := range []bool{false, true} {
		name := "hedging at the same endpoint"
		if two {
			name = "hedging at another endpoint"
		}
		if p99, _ := run(name, two, hedging); plain < 3*p99 {
			t.Errorf("%s: p99 is %v, without it %v: not a third", name, p99, plain)
		}
	}
}

// warm lets the host learn the endpoint's times, and saves up for second
// attempts.
func warm(t *testing.T, h *Host, mode string, budget int) {
	t.Helper()
	for range 20 * budget {
		if err := ask(t.Context(), h, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// slowNow is a service that answers in 100 ms until slow says something else.
type slowNow struct {
	service
	slow reply
	on   bool
}

func newSlowNow(slow reply) *slowNow {
	s := &slowNow{slow: slow}
	s.answer = func(int) reply {
		if s.on {
			return s.slow
		}
		return reply{after: 100 * time.Millisecond}
	}
	return s
}

func TestTheSlowerAttemptIsCutAtOnceAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"call", "stream"} {
		bubble(t, func(t *testing.T) {
			a, b := newSlowNow(reply{after: time.Minute}), always(reply{after: 100 * time.Millisecond})
			h := world(ordered(), part{id: "a", service: &a.service, policy: hedging}, part{id: "b", service: b})
			warm(t, h, mode, 2)
			a.on = true
			start := time.Now()
			var r status.Report
			var s provider.EventStream
			var err error
			if mode == "call" {
				_, r, err = h.call(t.Context(), chatRequest())
			} else {
				s, r, err = h.stream(t.Context(), chatRequest())
			}
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			x, err := h.Explain("a")
			if err != nil || x.Hedge == nil || x.Hedge.Sent != 1 || x.Hedge.Won != 1 || x.Hedge.Delay < 100*time.Millisecond || x.Hedge.Delay > 125*time.Millisecond {
				t.Fatalf("%s: explained as %+v, %v", mode, x.Hedge, err)
			}
			// What is over the delay and the answer went by with cutting the loser.
			if cut := took - x.Hedge.Delay - 100*time.Millisecond; cut < 0 || cut >= 50*time.Millisecond {
				t.Errorf("%s: it took %v, of which %v for the slower attempt", mode, took, cut)
			}
			if _, open := a.count(); open != 0 || h.ep("a").InFlight() != 0 {
				t.Errorf("%s: the slower attempt is still there", mode)
			}
			if s != nil && finish(s) != nil {
				t.Errorf("%s: the answer was cut with it", mode)
			}
			if r.Endpoint != "b" || r.Attempts != 2 || !r.Hedged || len(r.Tries) != 2 {
				t.Fatalf("%s: %+v", mode, r)
			}
			for _, try := range r.Tries {
				won := try.Endpoint == "b"
				if won != try.Hedge || won != (try.Code == "") || !won && try.Error != "another attempt of the request answered first" {
					t.Errorf("%s: %+v", mode, try)
				}
			}
			if stats := h.ep("a").Stats(); stats.Errors != 0 || stats.Canceled != 1 || stats.Circuit.Failures != 0 {
				t.Errorf("%s: %+v", mode, stats)
			}
			wantQuiet(t, h, &a.service, b)
		})
	}
}

func TestTheFirstAttemptCanStillWin(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a, b := newSlowNow(reply{after: time.Second}), always(reply{after: time.Minute})
		h := world(ordered(), part{id: "a", service: &a.service, policy: hedging}, part{id: "b", service: b})
		warm(t, h, "stream", 2)
		a.on = true
		s, r, err := h.stream(t.Context(), chatRequest())
		if err != nil || r.Endpoint != "a" || !r.Hedged || r.Attempts != 2 || r.Total != time.Second {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, open := b.count(); open != 0 || h.ep("b").InFlight() != 0 {
			t.Error("the second attempt is still there")
		}
		if err := finish(s); err != nil {
			t.Error(err)
		}
		if x, _ := h.Explain("a"); x.Hedge.Sent != 1 || x.Hedge.Won != 0 {
			t.Errorf("explained as %+v", x.Hedge)
		}
		wantQuiet(t, h, &a.service, b)
	})
}

func TestASecondAttemptSavesARequestWhoseFirstFails(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a, b := newSlowNow(reply{after: 2 * time.Second, err: upstream(provider.CodeUpstream)}), always(reply{after: 5 * time.Second})
		h := world(ordered(), part{id: "a", service: &a.service, policy: hedging}, part{id: "b", service: b})
		warm(t, h, "call", 2)
		a.on = true
		_, r, err := h.call(t.Context(), chatRequest())
		if calls, _ := b.count(); err != nil || r.Endpoint != "b" || calls != 1 || r.Total < 5*time.Second || r.Total > 6*time.Second {
			t.Errorf("%d calls of the other, %+v, %v", calls, r, err)
		}
		wantQuiet(t, h, &a.service, b)
	})
}

// TestWhatIsNotHedged: the second attempt must not be made.
func TestWhatIsNotHedged(t *testing.T) {
	t.Parallel()
	slow := reply{after: 10 * time.Second}
	for _, tt := range []struct {
		name   string
		policy func(*config.Policy)
		mode   string
		budget int
		other  func(*part)
		calls  int // of both while the request ran
	}{
		{name: "hedged, for comparison", policy: hedging, mode: "call", budget: 2, calls: 2},
		{name: "hedging is off", mode: "call", budget: 2, calls: 1},
		{name: "a transfer", policy: hedging, mode: "transfer", budget: 2, calls: 1},
		{name: "an unsafe operation", policy: hedging, mode: "batch", budget: 2, calls: 1},
		{name: "nothing is saved up", policy: func(p *config.Policy) { hedging(p); p.Hedge.Budget = 0.001 }, mode: "call", budget: 2, calls: 1},
		{name: "the endpoint is at its limit and the other closed", mode: "call", budget: 2, calls: 1,
			policy: func(p *config.Policy) { hedging(p); p.Queue.MaxConcurrent = 1 },
			other:  func(p *part) { p.offers = operations[1:] }},
		{name: "the other is at its limit, the same is not", policy: hedging, mode: "call", budget: 2, calls: 2,
			other: func(p *part) { p.offers = operations[1:] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				a := newSlowNow(slow)
				b := part{id: "b", service: always(reply{after: 100 * time.Millisecond})}
				if tt.other != nil {
					tt.other(&b)
				}
				h := world(ordered(), part{id: "a", service: &a.service, policy: tt.policy}, b)
				warm(t, h, tt.mode, tt.budget)
				a.on = true
				before, _ := a.count()
				if err := ask(t.Context(), h, tt.mode); err != nil {
					t.Error(err)
				}
				callsA, _ := a.count()
				callsB, _ := b.service.count()
				if got := callsA - before + callsB; got != tt.calls {
					t.Errorf("%d calls, want %d", got, tt.calls)
				}
				if x, _ := h.Explain("a"); x.Hedge != nil && int(x.Hedge.Sent) != tt.calls-1 {
					t.Errorf("explained as %+v", x.Hedge)
				}
				wantQuiet(t, h, &a.service, b.service)
			})
		})
	}
}

func TestAThrottledEndpointGetsNoSecondAttempt(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a := newSlowNow(reply{after: 2 * time.Second})
		limited := upstream(provider.CodeRateLimit)
		limited.RetryAfter = time.Hour
		b := always(reply{err: limited})
		h := world(ordered(), part{id: "a", service: &a.service, policy: hedging}, part{id: "b", service: b})
		warm(t, h, "call", 2)
		req := chatRequest()
		req.Model = "b"
		if _, err := h.Call(t.Context(), req); err == nil {
			t.Fatal("b was to refuse")
		}
		a.on = true
		before, _ := a.count()
		if err := ask(t.Context(), h, "call"); err != nil {
			t.Error(err)
		}
		callsA, _ := a.count()
		if callsB, _ := b.count(); callsB != 1 || callsA-before != 2 {
			t.Errorf("b had %d requests, a %d more; the second attempt is a's", callsB, callsA-before)
		}
	})
}

func TestBothAttemptsEndWhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"call", "stream"} {
		bubble(t, func(t *testing.T) {
			a, b := newSlowNow(reply{after: time.Minute}), always(reply{after: time.Minute})
			h := world(ordered(), part{id: "a", service: &a.service, policy: hedging}, part{id: "b", service: b})
			warm(t, h, mode, 2)
			a.on = true
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			if err := ask(ctx, h, mode); err == nil || time.Since(start) != 3*time.Second {
				t.Errorf("%s: %v after %v", mode, err, time.Since(start))
			}
			if calls, _ := b.count(); calls != 1 {
				t.Errorf("%s: there was no second attempt", mode)
			}
			wantQuiet(t, h, &a.service, b)
		})
	}
}

// TestAHedgedStreamFreesItsContext: the context between the caller's and the
// attempt's must not outlive the stream where the caller's lives on.
func TestAHedgedStreamFreesItsContext(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"finished", "closed", "broken"} {
		for _, winner := range []string{"a", "b"} {
			bubble(t, func(t *testing.T) {
				answer := reply{after: 100 * time.Millisecond, rest: time.Second}
				if end == "broken" {
					answer.broken = upstream(provider.CodeUpstream)
				}
				a, b := newSlowNow(reply{after: time.Minute}), always(answer)
				h := world(ordered(), part{id: "a", service: &a.service, policy: hedging}, part{id: "b", service: b})
				warm(t, h, "stream", 2)
				if a.on = true; winner == "a" {
					a.slow = answer
				}
				s, r, err := h.stream(t.Context(), chatRequest())
				if err != nil || r.Endpoint != winner {
					t.Fatalf("%s %s: %+v, %v", end, winner, r, err)
				}
				released := 0
				inner := s.(*bound)
				release := inner.release
				inner.release = func() { released++; release() }
				if end == "closed" {
					s.Close()
				} else if err := finish(s); (err != nil) != (end == "broken") {
					t.Errorf("%s %s: %v", end, winner, err)
				}
				if released == 0 {
					t.Errorf("%s %s: the context was not freed", end, winner)
				}
				wantQuiet(t, h, &a.service, b)
			})
		}
	}
}

func TestASecondAttemptGoesOnlyWhereItCanBeMade(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*part){
		"unsafe there": func(p *part) {
			p.offers = []provider.Operation{{Name: "chat", Modes: operations[0].Modes, Unsafe: true}}
		},
		"no plugin": func(p *part) { p.missing = upstream(provider.CodePluginUnavailable) },
	} {
		bubble(t, func(t *testing.T) {
			a, b := newSlowNow(reply{after: 2 * time.Second}), part{id: "b", service: always(reply{})}
			change(&b)
			h := world(ordered(), part{id: "a", service: &a.service, policy: hedging}, b)
			warm(t, h, "call", 2)
			a.on = true
			before, _ := a.count()
			_, r, err := h.call(t.Context(), chatRequest())
			callsA, _ := a.count()
			if callsB, _ := b.service.count(); err != nil || callsB != 0 || callsA-before != 2 || r.Attempts != 2 {
				t.Errorf("%s: %d calls there, %d here, %v", name, callsB, callsA-before, err)
			}
		})
	}
}
