package plugin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Provider is one configured plugin, through all of its processes. It is safe
// for concurrent use. Only New makes one.
type Provider struct {
	spec      atomic.Pointer[Spec] // what runs, or is to; never changed, only replaced
	log       hclog.Logger
	keep      *ring // the latest log lines of all processes
	state     *state
	endpoints *endpoints
	current   atomic.Pointer[generation] // nil while there is no process that takes calls

	probeEvery time.Duration
	patience   time.Duration // see awaitRoom
	tick       time.Duration // how often idleness and trials are looked at
	// pauses, if set, changes the pauses of the backoff, for tests.
	pauses func(time.Duration) time.Duration
	// changed is what OnChange has set; nil if nothing.
	changed func()

	orders chan order    // changes, for the supervisor
	wake   chan struct{} // a call wants a process

	mu       sync.Mutex
	draining []*generation // replaced ones that still finish calls
	room     chan struct{} // signalled when one of them has ended
	live     *generation   // the one that is starting, if any
	told     notes
	begun    bool
	closing  bool
	stopCtx  context.Context // bounds the stop; set when closing
	firstErr error

	life    context.Context // ends when the provider is to stop
	cancel  context.CancelFunc
	first   chan struct{} // closed when the first start succeeded or failed
	settled sync.Once
	done    chan struct{}  // closed when the supervisor returned
	remains sync.WaitGroup // clean-ups after crashed processes
}

// New makes a provider; nothing runs before Start. A nil log discards.
func New(spec Spec, log hclog.Logger) *Provider {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	spec.fill()
	life, cancel := context.WithCancel(context.Background())
	p := &Provider{
		log: log.Named(spec.Name), keep: newRing(logLines),
		state: newState(), endpoints: newEndpoints(), probeEvery: probeEvery, patience: drainPatience, tick: lookEvery,
		room:   make(chan struct{}, 1),
		orders: make(chan order), wake: make(chan struct{}, 1),
		life: life, cancel: cancel, first: make(chan struct{}), done: make(chan struct{}),
	}
	p.setSpec(spec)
	return p
}

// Spec returns what the provider runs, or is to run.
func (p *Provider) Spec() Spec { return *p.spec.Load() }

func (p *Provider) setSpec(s Spec) { p.spec.Store(&s) }

// Start starts the first process and returns once it takes calls, or with the
// reason why it does not. What another try can mend (the process crashed, the
// machine was too slow) is tried again in the background after Start returned
// its error; the state is then backoff. What it cannot mend (a wrong binary,
// refused settings) leaves the provider failed. The end of ctx ends the wait,
// not the start. A provider is started once.
func (p *Provider) Start(ctx context.Context) error {
	p.mu.Lock()
	switch {
	case p.closing:
		p.mu.Unlock()
		return fmt.Errorf("provider %q is stopped and cannot be started again", p.Spec().Name)
	case p.begun:
		p.mu.Unlock()
		return fmt.Errorf("provider %q was started already", p.Spec().Name)
	}
	p.begun = true
	p.mu.Unlock()

	go p.supervise()
	select {
	case <-p.first:
	case <-ctx.Done():
		return fmt.Errorf("provider %q is not ready yet: %w", p.Spec().Name, context.Cause(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.firstErr != nil {
		return fmt.Errorf("provider %q: %w", p.Spec().Name, p.firstErr)
	}
	return nil
}

// settle reports the result of the first start to Start.
func (p *Provider) settle(err error) {
	p.settled.Do(func() {
		p.mu.Lock()
		p.firstErr = err
		p.mu.Unlock()
		close(p.first)
	})
}

// Shutdown stops the provider: new calls are refused, calls in flight get until
// the end of ctx but at most ten seconds, then the process is asked to end, and
// killed if it does not. Once ctx ends the process is killed at once. When
// Shutdown returns nil no process, socket or file is left. It may be called
// more than once and without Start.
func (p *Provider) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	if !p.closing {
		p.closing, p.stopCtx = true, ctx
		p.state.close("shut down")
		p.cancel()
	}
	begun := p.begun
	p.mu.Unlock()
	p.settle(errors.New("it was shut down"))
	if !begun {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	// The rest is bounded: kill and clean up.
	if !within(context.Background(), killWait+cleanUpLimit, p.done) {
		return fmt.Errorf("provider %q: its process could not be ended: %w", p.Spec().Name, context.Cause(ctx))
	}
	return nil
}

// stopContext bounds the stop of the last process.
func (p *Provider) stopContext() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopCtx == nil {
		return context.Background()
	}
	return p.stopCtx
}

// Manifest returns the manifest of what the provider runs.
func (p *Provider) Manifest() provider.Manifest { return p.spec.Load().Manifest }
