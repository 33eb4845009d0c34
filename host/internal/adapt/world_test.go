package adapt

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/queue"
)

// service is a model server: it works on so many requests at once, and has the
// others wait inside.
type service struct {
	inside *queue.Queue
	// prefill is the time until the first token, which varies by a fifth, and decode
	// the mean of the time from there to the end.
	prefill, decode time.Duration
}

// unloaded is the 95th percentile of the time to the first token without load.
func (s *service) unloaded() time.Duration { return s.prefill * 118 / 100 }

func (s *service) answer(rnd *rand.Rand) (ttft, busy time.Duration) {
	begin := time.Now()
	slot, _ := s.inside.Acquire(context.Background(), queue.Ticket{Seq: s.inside.Number()})
	work := time.Now()
	time.Sleep(time.Duration((0.8 + 0.4*rnd.Float64()) * float64(s.prefill)))
	ttft = time.Since(begin)
	time.Sleep(time.Duration(rnd.ExpFloat64() * float64(s.decode)))
	slot.Release()
	return ttft, time.Since(work)
}

// phase is what was seen while the service had one capacity, after the limit had
// half a minute to settle.
type phase struct {
	capacity int
	lasted   time.Duration
	busy     time.Duration // of all its slots
	ttft     []time.Duration
	limits   []int
}

const (
	settling = 30 * time.Second
	lasting  = 3 * time.Minute
)

// play drives the service with more callers than it can ever serve.
func (s service) play(t *testing.T, seed uint64, adaptive bool, capacities ...int) (phases []phase) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		host := queue.New(queue.Limits{MaxConcurrent: capacities[0], Unbounded: true})
		s.inside = queue.New(queue.Limits{Unbounded: true})
		var limit *Limit
		if adaptive {
			limit = New(config.DefaultPolicy().Adapt, capacities[0], host.SetConcurrency)
		}
		var mu sync.Mutex // guards phases
		var since time.Time
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for i := range 100 {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			wg.Go(func() {
				for ctx.Err() == nil {
					slot, err := host.Acquire(ctx, queue.Ticket{Seq: host.Number()})
					if err != nil {
						return
					}
					ttft, busy := s.answer(rnd)
					if limit != nil {
						limit.Sample(ttft, host.InFlight(), false)
					}
					slot.Release()
					mu.Lock()
					if p := &phases[len(phases)-1]; time.Since(since) > settling {
						p.busy += busy
						p.ttft = append(p.ttft, ttft)
						p.limits = append(p.limits, host.Concurrency())
					}
					mu.Unlock()
				}
			})
		}
		for _, capacity := range capacities {
			s.inside.SetConcurrency(capacity)
			mu.Lock()
			phases, since = append(phases, phase{capacity: capacity, lasted: lasting}), time.Now()
			mu.Unlock()
			time.Sleep(settling + lasting)
		}
		cancel()
		wg.Wait()
	})
	return phases
}

// add counts the same phase of another world to p.
func (p *phase) add(other phase) {
	p.lasted += other.lasted
	p.busy += other.busy
	p.ttft = append(p.ttft, other.ttft...)
	p.limits = append(p.limits, other.limits...)
}

func (s service) figures(p *phase) (used float64, p95 time.Duration, limit float64) {
	slices.Sort(p.ttft)
	for _, n := range p.limits {
		limit += float64(n)
	}
	used = p.busy.Seconds() / float64(p.capacity) / p.lasted.Seconds()
	return used, p.ttft[len(p.ttft)*95/100], limit / float64(len(p.limits))
}

// TestTheLimitFollowsTheService takes services from room for 20 to 8 and back.
func TestTheLimitFollowsTheService(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]service{
		"streams":       {prefill: time.Second, decode: time.Second},
		"whole answers": {prefill: time.Second, decode: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			phases := s.play(t, 0, true, 20, 8, 20)
			for seed := range uint64(2) {
				for i, p := range s.play(t, seed+1, true, 20, 8, 20) {
					phases[i].add(p)
				}
			}
			for i, p := range phases {
				used, p95, limit := s.figures(&p)
				if most := s.unloaded() * 5 / 2; used < 0.95 || p95 > most {
					t.Errorf("phase %d: %.1f %% used, p95 of the time to the first token %v; want 95 %% and %v", i, 100*used, p95, most)
				}
				t.Logf("capacity %d: %.1f %% used, p95 of the time to the first token %v (%.2f of that without load), limit %.1f",
					p.capacity, 100*used, p95, float64(p95)/float64(s.unloaded()), limit)
			}
		})
	}
}

// TestAFixedLimitDoesNot shows that the world of the test before is hard.
func TestAFixedLimitDoesNot(t *testing.T) {
	t.Parallel()
	s := service{prefill: time.Second, decode: time.Second}
	p := s.play(t, 1, false, 20, 8)[1]
	if _, p95, _ := s.figures(&p); p95 < 3*s.unloaded() {
		t.Errorf("p95 of the time to the first token is %v with a limit of 20 for a capacity of 8", p95)
	}
}

// TestALongOverloadDoesNotRaiseTheLimit keeps the service busy for three hours.
func TestALongOverloadDoesNotRaiseTheLimit(t *testing.T) {
	t.Parallel()
	s := service{prefill: time.Second, decode: time.Millisecond}
	same := make([]int, 60/slower)
	for i := range same {
		same[i] = 8
	}
	phases := s.play(t, 1, true, same...)
	if _, p95, limit := s.figures(&phases[len(phases)-1]); limit > 16 || p95 > 3*s.unloaded() {
		t.Errorf("at the end the limit is %.1f and the p95 of the time to the first token %v", limit, p95)
	}
}
