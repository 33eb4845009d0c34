package pace_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/pace"
	"github.com/backplane-dev/backplane/host/internal/queue"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// meter is one limit of the service: a bucket of its own making, not ours. What
// a request may take is booked on arrival, and what it did not take comes back.
type meter struct {
	name  string
	limit float64
	per   time.Duration
	left  float64
	at    time.Time
}

func (m *meter) fill(now time.Time) {
	m.left = min(m.left+m.limit*now.Sub(m.at).Seconds()/m.per.Seconds(), m.limit)
	m.at = now
}

// service refuses what is over its limits and announces them with each answer.
type service struct {
	mu        sync.Mutex
	meters    []*meter
	refusals  int
	successes int
}

// request is what a caller sends: tokens of prompt, those allowed for the
// answer, and those that the answer has in the end.
type request struct{ input, allowed, output float64 }

func (r request) of(name string, output float64) float64 {
	switch name {
	case "requests":
		return 1
	case "input_tokens":
		return r.input
	case "output_tokens":
		return output
	default:
		return r.input + output
	}
}

// arrive books a request, or says when to come back.
func (s *service) arrive(r request) (announced []provider.RateLimit, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, m := range s.meters {
		m.fill(now)
		if missing := r.of(m.name, r.allowed) - m.left; missing > 0 {
			retryAfter = max(retryAfter, time.Duration(missing/m.limit*float64(m.per))+time.Millisecond)
		}
	}
	if retryAfter > 0 {
		s.refusals++
	}
	for _, m := range s.meters {
		if retryAfter == 0 {
			m.left -= r.of(m.name, r.allowed)
		}
		announced = append(announced, provider.RateLimit{
			Meter: m.name, Limit: int64(m.limit), Remaining: int64(m.left),
			Reset: time.Duration((m.limit - m.left) / m.limit * float64(m.per)).Round(time.Second),
		})
	}
	return announced, retryAfter
}

// answer gives back what the answer did not take of what was allowed.
func (s *service) answer(r request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.successes++
	for _, m := range s.meters {
		m.fill(time.Now())
		m.left = min(m.left+r.of(m.name, r.allowed)-r.of(m.name, r.output), m.limit)
	}
}

// host is an endpoint reduced to its queue and pacer.
type host struct {
	q     *queue.Queue
	pacer *pace.Pacer // nil: only the gate keeps to Retry-After
	lost  int
	mu    sync.Mutex
}

func newHost(share float64, paced bool) *host {
	h := &host{q: queue.New(queue.Limits{MaxConcurrent: 20, Size: 10_000})}
	if paced {
		cfg := config.DefaultPolicy().Limits
		cfg.Share = share
		h.pacer = pace.New(cfg)
		h.q.SetPacer(h.pacer)
	}
	return h
}

// send takes a request to its answer, however often the service refuses.
func (h *host) send(ctx context.Context, s *service, r request, takes time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	estimate := int64(r.input + r.allowed)
	t := queue.Ticket{Seq: h.q.Number(), Model: "m", Tokens: estimate}
	for ; ; t.Retry = true {
		slot, err := h.q.Acquire(ctx, t)
		if err != nil {
			h.mu.Lock()
			h.lost++
			h.mu.Unlock()
			return
		}
		announced, wait := s.arrive(r)
		if wait > 0 {
			time.Sleep(20 * time.Millisecond)
			h.tell(announced, estimate, &provider.Usage{})
			h.q.Hold(time.Now().Add(wait), &provider.Error{Code: provider.CodeRateLimit, RetryAfter: wait})
			slot.Release()
			continue
		}
		time.Sleep(takes)
		s.answer(r)
		slot.Passed()
		h.tell(announced, estimate, &provider.Usage{Input: int64(r.input), Output: int64(r.output)})
		slot.Release()
		return
	}
}

func (h *host) tell(announced []provider.RateLimit, booked int64, used *provider.Usage) {
	if h.pacer == nil {
		return
	}
	now := time.Now()
	h.pacer.Observe(now, "m", announced)
	h.pacer.Settle(now, "m", booked, used)
	h.q.Wake()
}

// world is a service and the load on it.
type world struct {
	meters  []meter
	hosts   int
	request func(*rand.Rand) request
	// each burst has this many requests, one burst a period.
	burst  int
	period time.Duration
}

// run plays half an hour and returns refusals, successes and lost requests.
func (w world) run(t *testing.T, seed uint64, paced bool) (refusals, successes, lost int) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(seed, 14))
		s := &service{}
		for _, m := range w.meters {
			m.left, m.at = m.limit, time.Now()
			s.meters = append(s.meters, &m)
		}
		var hosts []*host
		for range w.hosts {
			hosts = append(hosts, newHost(1/float64(w.hosts), paced))
		}
		var wg sync.WaitGroup
		for at := time.Duration(0); at < 30*time.Minute; at += w.period {
			for i := range w.burst {
				r, h := w.request(rnd), hosts[i%len(hosts)]
				after := time.Duration(rnd.Float64() * float64(w.period) / 10)
				takes := time.Duration((0.2 + rnd.ExpFloat64()) * float64(time.Second))
				wg.Go(func() {
					time.Sleep(after)
					h.send(t.Context(), s, r, takes)
				})
			}
			time.Sleep(w.period)
		}
		wg.Wait()
		refusals, successes = s.refusals, s.successes
		for _, h := range hosts {
			lost += h.lost
			h.q.Close()
		}
	})
	return refusals, successes, lost
}

func small(*rand.Rand) request { return request{input: 10, allowed: 10, output: 5} }

func mixed(rnd *rand.Rand) request {
	allowed := 200 + 800*rnd.Float64()
	return request{input: 100 + 900*rnd.Float64(), allowed: allowed, output: allowed * rnd.Float64()}
}

// The load is 95 % of what the service allows, in bursts: all requests are
// answered, and next to none is refused on the way.
func TestPacingAvoidsRefusalsAndLosesNothing(t *testing.T) {
	t.Parallel()
	minute := time.Minute
	for name, w := range map[string]world{
		"requests a minute, twice the limit in a burst": {
			meters: []meter{{name: "requests", limit: 100, per: minute}}, hosts: 1, request: small, burst: 190, period: 2 * minute,
		},
		"three times the limit in a burst": {
			meters: []meter{{name: "requests", limit: 100, per: minute}}, hosts: 1, request: small, burst: 285, period: 3 * minute,
		},
		"ten times as many": {
			meters: []meter{{name: "requests", limit: 600, per: minute}}, hosts: 1, request: small, burst: 1900, period: 200 * time.Second,
		},
		"requests and tokens": { // 850 tokens a request at the mean
			meters: []meter{{name: "requests", limit: 500, per: minute}, {name: "tokens", limit: 90_000, per: minute}},
			hosts:  1, request: mixed, burst: 300, period: 3 * minute,
		},
		"tokens of input and output apart": { // 550 and 300 at the mean
			meters: []meter{
				{name: "requests", limit: 500, per: minute}, {name: "input_tokens", limit: 58_000, per: minute},
				{name: "output_tokens", limit: 60_000, per: minute},
			},
			hosts: 1, request: mixed, burst: 300, period: 3 * minute,
		},
		"requests of a day and tokens of a minute": {
			meters: []meter{{name: "requests", limit: 14_400, per: 24 * time.Hour}, {name: "tokens", limit: 90_000, per: minute}},
			hosts:  1, request: mixed, burst: 300, period: 3 * minute,
		},
		"two hosts with one key": {
			meters: []meter{{name: "requests", limit: 100, per: minute}}, hosts: 2, request: small, burst: 190, period: 2 * minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refused, answered int
			for seed := range uint64(3) {
				refusals, successes, lost := w.run(t, seed, true)
				refused, answered = refused+refusals, answered+successes
				if lost != 0 {
					t.Errorf("%d requests were lost", lost)
				}
			}
			bare, _, _ := w.run(t, 0, false)
			t.Logf("%d refusals for %d successes; without pacing %d for a third of them", refused, answered, bare)
			if bare*100 < answered {
				t.Error("the service refuses next to nothing even without pacing: the test shows nothing")
			}
			if refused*1000 > answered {
				t.Errorf("%d refusals for %d successes, want at most 1 for 1000", refused, answered)
			}
		})
	}
}
