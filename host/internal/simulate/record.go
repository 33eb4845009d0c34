package simulate

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Second is what happened in one second of a run.
type Second struct {
	// Arrived counts clients, Served those who got their answer. Refused counts
	// requests that the host refused, Failed those that failed otherwise.
	Arrived, Served, Refused, Failed int
	// Queued and InFlight are the endpoint's at the second's end.
	Queued, InFlight int
	Circuit          status.CircuitState
	// Wait is the longest wait in the queue of a request answered in it.
	Wait time.Duration
}

// Result is what became of a run.
type Result struct {
	Seconds []Second
	// Clients that came and those who got their answer.
	Clients, Served int
	// Goodput is Served as a share of what was possible: of the clients who came,
	// or of what the service can do if that is less.
	Goodput float64
	// Calls that reached the service, and those that it refused for their rate.
	Calls, RateLimited int
	// Requests made by clients, and the attempts that the engine made of them.
	Requests, Attempts int
	// Errors counts failed requests by their code.
	Errors map[provider.Code]int
	// Waits in the queue of the answered; Told is how long the refused waited for
	// their refusal; Latency is the time from a client's arrival to its answer.
	Waits, Told, Latency Spread
}

// Spread sums up times.
type Spread struct{ P50, P95, Max time.Duration }

// record gathers what happens, from all clients.
type record struct {
	mu                   sync.Mutex
	seconds              []Second
	clients, ok          int
	requests, attempts   int
	errors               map[provider.Code]int
	waits, told, latency []time.Duration
}

// at runs do for a second of the run; what happens after its end counts in the
// totals only.
func (r *record) at(second int, do func(*Second)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	beyond := new(Second)
	if second < len(r.seconds) {
		beyond = &r.seconds[second]
	}
	do(beyond)
}

func (r *record) state(second, queued, inFlight int, circuit status.CircuitState) {
	r.at(second, func(s *Second) { s.Queued, s.InFlight, s.Circuit = queued, inFlight, circuit })
}

func (r *record) arrived(second int) {
	r.at(second, func(s *Second) { s.Arrived++; r.clients++ })
}

func (r *record) served(second int, latency time.Duration) {
	r.at(second, func(s *Second) { s.Served++; r.ok++; r.latency = append(r.latency, latency) })
}

func (r *record) asked(attempts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.attempts += attempts
}

func (r *record) waited(second int, wait time.Duration) {
	r.at(second, func(s *Second) { s.Wait = max(s.Wait, wait); r.waits = append(r.waits, wait) })
}

func (r *record) failed(second int, err *provider.Error, after time.Duration) {
	r.at(second, func(s *Second) {
		if r.errors == nil {
			r.errors = make(map[provider.Code]int)
		}
		r.errors[err.Code]++
		if refusal(err) {
			s.Refused++
			r.told = append(r.told, after)
			return
		}
		s.Failed++
	})
}

// refusal reports whether the host refused, rather than the service.
func refusal(err *provider.Error) bool {
	switch err.Code {
	case provider.CodeQueueFull, provider.CodeCircuitOpen, provider.CodeShutdown:
		return true
	case provider.CodeRateLimit, provider.CodeQuota:
		return err.Source == provider.SourceHost
	default:
		return false
	}
}

func (s *simulation) result() Result {
	r := &s.record
	r.mu.Lock()
	defer r.mu.Unlock()
	s.service.mu.Lock()
	defer s.service.mu.Unlock()
	return Result{
		Seconds: r.seconds, Clients: r.clients, Served: r.ok,
		Goodput: float64(r.ok) / min(float64(r.clients), s.world.possible()),
		Calls:   s.service.calls, RateLimited: s.service.refused, Requests: r.requests, Attempts: r.attempts,
		Errors: r.errors, Waits: spread(r.waits), Told: spread(r.told), Latency: spread(r.latency),
	}
}

// possible is the number of requests that can be answered in the world's time:
// those that arrive, but in no span of the load more than the service's capacity
// and rate limit allow. What a burst leaves to later spans is not seen.
func (w World) possible() float64 {
	perSecond := float64(w.Service.Capacity) / time.Duration(w.Service.Time).Seconds()
	sum := 0.0
	for i, span := range w.rates() {
		d := (span.until - time.Duration(span.From)).Seconds()
		arrivals := span.Rate * d
		if span.Burst > 0 {
			arrivals += float64(span.Burst) * math.Ceil(d/max(time.Duration(span.Every).Seconds(), d/1e6))
		}
		most := perSecond * d
		if limit := float64(w.Service.RequestsPerMinute); limit > 0 {
			most = min(most, limit*d/60)
			if i == 0 {
				most += limit // the bucket is full at the beginning
			}
		}
		sum += min(arrivals, most)
	}
	return sum
}

func spread(times []time.Duration) Spread {
	if len(times) == 0 {
		return Spread{}
	}
	slices.Sort(times)
	last := len(times) - 1
	return Spread{P50: times[last/2], P95: times[last*95/100], Max: times[last]}
}
