// Package simulate runs a described world through the real engine: clients that
// arrive at some rate and have some patience, an endpoint with its queue,
// breaker, retries and limits, and a service with a capacity, service times,
// outages and rate limits of its own.
//
// Only clients and service are made up; what is between them is
// [endpoint.Endpoint] as the host runs it. Run it in virtual time: hours pass in
// seconds. The command scripts/simulate does, and draws what happened.
package simulate

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Run lets the world pass once under the policy. It must be called in a bubble of
// testing/synctest, where all its time is virtual. It returns when the last
// client has gone and nothing of the run is left.
func Run(w World, policy config.Policy) Result {
	dice := &dice{rng: rand.New(rand.NewPCG(w.Seed, 1))}
	s := &simulation{world: w, start: time.Now(), dice: dice}
	s.service = newService(w, s.start, dice)
	s.record.seconds = make([]Second, int(time.Duration(w.Duration).Seconds()))
	s.endpoint = endpoint.New(endpoint.Config{
		ID: w.Name, Provider: "simulated", Model: "m", Revision: 1, HasKey: true, Policy: policy, Backend: s.service,
		Manifest: provider.Manifest{Operations: []provider.Operation{{Name: provider.OpChat, Modes: []provider.Mode{provider.ModeCall}}}},
	})
	s.watch()
	s.arrive()
	s.clients.Wait()
	s.endpoint.Close()
	result := s.result()
	// The breaker's library sleeps through its open time and cannot be stopped.
	time.Sleep(2 * max(policy.Breaker.MaxOpen, policy.Breaker.OpenFor, policy.Retry.RetryAfterMax))
	return result
}

// simulation is one run of a world.
type simulation struct {
	world    World
	start    time.Time
	dice     *dice
	service  *service
	endpoint *endpoint.Endpoint
	clients  sync.WaitGroup
	record   record
}

// second is the second of the run that t lies in.
func (s *simulation) second(t time.Time) int { return int(t.Sub(s.start) / time.Second) }

// watch notes the endpoint's state at the end of each second.
func (s *simulation) watch() {
	s.clients.Go(func() {
		for i := range s.record.seconds {
			time.Sleep(time.Until(s.start.Add(time.Duration(i+1) * time.Second)))
			stats := s.endpoint.Stats()
			s.record.state(i, stats.Queued, stats.InFlight, stats.Circuit.State)
		}
	})
}

// dice is the run's source of chance. The order in which goroutines of the same
// instant throw it is not fixed, so two runs of one seed are alike, not equal.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (d *dice) exponential(mean time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.rng.ExpFloat64() * float64(mean))
}

func (d *dice) normal() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.NormFloat64()
}

func (d *dice) uniform() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64()
}
