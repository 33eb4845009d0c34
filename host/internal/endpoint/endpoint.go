// Package endpoint takes requests through queue, circuit breaker, retries and
// time limits to a provider's plugin, and keeps the numbers.
//
// Read [Endpoint.do] first: it says the order of the whole chain. A request is a
// [run]; each of its tries is an [attempt], which holds a slot of the queue and a
// permit of the breaker, and whose context is a [scope]; a stream or transfer
// that has begun to answer is a [tail], which keeps them until its end.
package endpoint

import (
	"context"
	"sync/atomic"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/adapt"
	"github.com/backplane-dev/backplane/host/internal/circuit"
	"github.com/backplane-dev/backplane/host/internal/queue"
	"github.com/backplane-dev/backplane/host/internal/retry"
	"github.com/backplane-dev/backplane/host/internal/stats"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Backend is a provider's running process, whichever it is at the moment. Its
// methods are safe for concurrent use, return soon after ctx ends, and fail
// with an [*provider.Error].
type Backend interface {
	Call(ctx context.Context, req *provider.Request) (*provider.Response, error)
	Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error)
	Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error)
}

// Config makes an [Endpoint].
type Config struct {
	ID       string
	Provider string
	// Model is reported for requests that name none.
	Model    string
	Revision uint64
	Manifest provider.Manifest
	// HasKey is true if a credential is configured.
	HasKey  bool
	Policy  config.Policy
	Backend Backend
	// Observer is told of each request's end; nil for none.
	Observer Observer
	// OnCircuit is told of each change of the circuit's state; nil for none.
	OnCircuit func(status.Transition)
}

// Endpoint is one way to call a provider, with its own queue, breaker, retry
// budget and numbers. It is safe for concurrent use.
type Endpoint struct {
	id, provider string
	offer        atomic.Pointer[offer]
	backend      Backend
	observer     Observer

	hasKey   atomic.Bool
	settings atomic.Pointer[settings]
	queue    *queue.Queue
	breaker  *circuit.Breaker
	stats    *stats.Recorder
	pulse    pulse
	key      keyRest
	pacing   *pacing
	adapt    atomic.Pointer[adapt.Limit] // nil if it is off
	alarms   alarms

	closing context.Context // ends with Close
	close   context.CancelFunc
}

// offer is what the provider's manifest says. It is replaced as a whole.
type offer struct {
	manifest   provider.Manifest
	operations map[string]*provider.Operation
}

// settings are what Reconfigure changes. A request keeps those it began with.
type settings struct {
	policy   config.Policy
	model    string
	revision uint64
	retry    *retry.Policy
	limits   [3]timeLimits // by mode: call, stream, transfer
}

func newSettings(p config.Policy, model string, revision uint64, budget *retry.Budget) *settings {
	return &settings{
		policy: p, model: model, revision: revision, retry: retry.New(p.Retry, budget),
		limits: [3]timeLimits{
			newTimeLimits(&p, provider.ModeCall), newTimeLimits(&p, provider.ModeStream), newTimeLimits(&p, provider.ModeTransfer),
		},
	}
}

// New makes an endpoint that takes requests at once.
func New(cfg Config) *Endpoint {
	e := &Endpoint{
		id: cfg.ID, provider: cfg.Provider,
		backend: cfg.Backend, observer: cfg.Observer,
		queue: queue.New(queue.Limits{}),
		stats: stats.New(cfg.Policy.Stats.Recent),
	}
	e.SetManifest(cfg.Manifest)
	e.breaker = circuit.New(cfg.Policy.Breaker, func(t status.Transition) { e.circuitChanged(t, cfg.OnCircuit) })
	e.closing, e.close = context.WithCancel(context.Background())
	e.hasKey.Store(cfg.HasKey)
	e.settings.Store(newSettings(cfg.Policy, cfg.Model, cfg.Revision, nil))
	e.pacing = newPacing(cfg.Policy.Limits, e.queue)
	e.resize(config.Adapt{}, &cfg.Policy)
	return e
}

// Reconfigure changes policy, model and revision for the requests that come
// after it. Stats, the breaker's state, the retry budget and the requests in the
// queue are kept.
func (e *Endpoint) Reconfigure(policy config.Policy, model string, revision uint64) {
	before := e.settings.Load()
	e.settings.Store(newSettings(policy, model, revision, before.retry.Budget()))
	e.resize(before.policy.Adapt, &policy)
	e.pacing.configure(policy.Limits)
	e.key.end()
	e.breaker.Configure(policy.Breaker)
	e.stats.KeepRecent(policy.Stats.Recent)
}

// SetManifest says what the provider offers from now on. Requests that were
// admitted before go on.
func (e *Endpoint) SetManifest(m provider.Manifest) {
	o := &offer{manifest: m, operations: make(map[string]*provider.Operation, len(m.Operations))}
	for i := range m.Operations {
		o.operations[m.Operations[i].Name] = &m.Operations[i]
	}
	e.offer.Store(o)
}

// SetHasKey says whether a credential is configured.
func (e *Endpoint) SetHasKey(has bool) {
	e.hasKey.Store(has)
	e.key.end()
}

// resize changes the bounds of the queue and turns the adaptive limit on or off.
// An unchanged one goes on from where it is, without a moment in which the queue
// has the configured limit instead.
func (e *Endpoint) resize(before config.Adapt, policy *config.Policy) {
	bounds, l := limits(policy), e.adapt.Load()
	if l != nil && policy.Adapt == before {
		bounds.MaxConcurrent = l.Limit()
		e.queue.Resize(bounds)
		l.Tell() // it may have moved meanwhile
		return
	}
	e.adapt.Store(nil)
	if l != nil {
		l.Stop()
	}
	e.queue.Resize(bounds)
	if policy.Adapt.Enabled {
		e.adapt.Store(adapt.New(policy.Adapt, policy.Queue.MaxConcurrent, e.queue.SetConcurrency))
	}
}

// Close refuses new requests and those that wait, in the queue or between two
// attempts, with CodeShutdown. Attempts that are running finish.
func (e *Endpoint) Close() {
	e.close()
	e.queue.Close()
	e.breaker.Stop()
}

// Stats returns a snapshot of the endpoint's numbers.
func (e *Endpoint) Stats() status.Stats {
	q := e.queue.Stats()
	s := status.Stats{
		Endpoint: e.id, Provider: e.provider,
		Queued: q.Waiting, QueuedBytes: q.Bytes, InFlight: q.InFlight,
		Refused: e.queue.Refused(), Paced: e.queue.Paced(),
		Circuit: e.breaker.Status(),
	}
	e.stats.Snapshot(&s)
	return s
}

// Recent returns the recent requests that the filter chooses, newest first.
func (e *Endpoint) Recent(filter status.RequestFilter) []status.Request {
	return e.stats.Recent(filter)
}

// ResetStats starts counters and recent requests anew. Who waits in the queue and
// the breaker are left alone.
func (e *Endpoint) ResetStats() {
	e.stats.Reset()
	e.queue.ResetCounts()
}

// limits translates the configuration of the queue.
func limits(p *config.Policy) queue.Limits {
	c := &p.Queue
	return queue.Limits{
		MaxConcurrent: c.MaxConcurrent, Size: c.Size, MaxBytes: c.MaxBytes, Unbounded: !c.Enabled,
		Overload: c.Overload, Target: c.Target, Interval: c.Interval, Timeout: p.Timeout,
	}
}
