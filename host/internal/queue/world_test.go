package queue

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
)

// world is a service behind a queue, and the people who call it. It lives in
// virtual time.
type world struct {
	limits  Limits
	timeout time.Duration // of a request; 0 is none
	service func(*rand.Rand) time.Duration
	crowds  []people
	length  time.Duration
	warmup  time.Duration // not measured
}

// people arrive at random: a Poisson process.
type people struct {
	rate     func(at time.Duration) float64 // per second
	tenant   string
	priority caller.Priority
	again    int // how often a person asks anew who was refused or timed out, after 1 s
}

func constant(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

// tale is what became of the requests of one crowd that came after the warmup.
type tale struct {
	good, refused, late int             // answered in time, told to go, out of time
	waits, told         []time.Duration // of those who got a slot, and of those who were refused
	came, when          []time.Duration // times of the first tries, and of the good answers
	served              time.Duration   // by the service, for good answers
}

// play lets the world run and returns a tale for each crowd of people, and the
// inversions of order among all grants.
func (w world) play(t *testing.T, seed uint64) (tales []tale, inversions int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := New(w.limits)
		last := map[[2]string]uint64{}
		var mu sync.Mutex // guards last, inversions and tales
		q.granted = func(t Ticket, _ int) {
			mu.Lock()
			defer mu.Unlock()
			who := [2]string{t.Tenant, t.Priority.String()}
			if t.Seq < last[who] {
				inversions++
			}
			last[who] = max(last[who], t.Seq)
		}
		q.passed = q.granted
		var wg sync.WaitGroup
		tales = make([]tale, len(w.crowds))
		for i, p := range w.crowds {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			wg.Go(func() { w.arrive(q, p, rnd, &wg, &mu, &tales[i]) })
		}
		wg.Wait()
		q.Close()
	})
	return tales, inversions
}

func (w world) arrive(q *Queue, p people, rnd *rand.Rand, wg *sync.WaitGroup, mu *sync.Mutex, told *tale) {
	begin := time.Now()
	for {
		rate := p.rate(time.Since(begin))
		time.Sleep(time.Duration(rnd.ExpFloat64() / rate * float64(time.Second)))
		at := time.Since(begin)
		if at >= w.length {
			return
		}
		service := w.service(rnd)
		wg.Go(func() {
			for try := 0; ; try++ {
				one := w.request(q, p, service)
				if try == 0 {
					one.came = []time.Duration{at}
				}
				if at >= w.warmup {
					mu.Lock()
					told.add(one, time.Since(begin))
					mu.Unlock()
				}
				if one.good > 0 || try == p.again {
					return
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// request is one call of the service.
func (w world) request(q *Queue, p people, service time.Duration) tale {
	ctx, begin := context.Background(), time.Now()
	ticket := Ticket{Seq: q.Number(), Tenant: p.tenant, Priority: p.priority}
	rest := time.Duration(math.MaxInt64)
	if w.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.timeout)
		defer cancel()
		ticket.Deadline = begin.Add(w.timeout)
	}
	slot, err := q.Acquire(ctx, ticket)
	wait := time.Since(begin)
	switch {
	case errors.Is(err, ErrLeft):
		return tale{late: 1}
	case err != nil:
		return tale{refused: 1, told: []time.Duration{wait}}
	}
	if w.timeout > 0 {
		rest = w.timeout - wait
	}
	time.Sleep(min(service, rest)) // who is out of time breaks the call off
	slot.Release()
	if service > rest {
		return tale{late: 1, waits: []time.Duration{wait}}
	}
	return tale{good: 1, waits: []time.Duration{wait}, served: service}
}

func (t *tale) add(one tale, now time.Duration) {
	t.good += one.good
	t.refused += one.refused
	t.late += one.late
	t.served += one.served
	t.waits = append(t.waits, one.waits...)
	t.told = append(t.told, one.told...)
	t.came = append(t.came, one.came...)
	if one.good > 0 {
		t.when = append(t.when, now)
	}
}

func (t *tale) all() int { return t.good + t.refused + t.late }

func quantile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

// services are distributions with a mean of one second.
var services = map[string]func(*rand.Rand) time.Duration{
	"even":        func(*rand.Rand) time.Duration { return time.Second },
	"exponential": func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * 1e9) },
	"lognormal":   func(r *rand.Rand) time.Duration { return time.Duration(math.Exp(r.NormFloat64()-0.5) * 1e9) },
}
