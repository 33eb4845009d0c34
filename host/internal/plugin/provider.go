package plugin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// DefaultStartTimeout is the time from the start of a process until it takes
// calls. Tens of milliseconds are usual.
const DefaultStartTimeout = 10 * time.Second

// Spec says which plugin to run and how.
type Spec struct {
	// Name of the provider in the configuration. The manifest must have it too.
	Name string
	// Path of the binary, see [Find].
	Path string
	// Manifest as [Describe] returned it. Every process must agree with it.
	Manifest provider.Manifest
	// Settings of the provider block, handed to every process if the manifest
	// declares provider settings.
	Settings provider.Settings
	// Env is added to the plugin's environment, which holds nothing else of the
	// host's but PATH, TZ, LANG and LC_ALL. Credentials do not belong here.
	Env map[string]string
	// StartTimeout bounds one start; 0 means DefaultStartTimeout.
	StartTimeout time.Duration
}

// Provider is one configured plugin, through all of its processes. It is safe
// for concurrent use. Only New makes one.
type Provider struct {
	spec      Spec
	log       hclog.Logger
	keep      *ring // the latest log lines of all processes
	state     *state
	endpoints *endpoints
	current   atomic.Pointer[generation] // nil while there is no process that takes calls

	probeEvery time.Duration

	mu       sync.Mutex
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
	if spec.StartTimeout <= 0 {
		spec.StartTimeout = DefaultStartTimeout
	}
	life, cancel := context.WithCancel(context.Background())
	return &Provider{
		spec: spec, log: log.Named(spec.Name), keep: newRing(logLines),
		state: newState(), endpoints: newEndpoints(), probeEvery: probeEvery,
		life: life, cancel: cancel, first: make(chan struct{}), done: make(chan struct{}),
	}
}

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
		return fmt.Errorf("provider %q is stopped and cannot be started again", p.spec.Name)
	case p.begun:
		p.mu.Unlock()
		return fmt.Errorf("provider %q was started already", p.spec.Name)
	}
	p.begun = true
	p.mu.Unlock()

	if err := p.checkSpec(); err != nil {
		close(p.done)
		p.fail(err)
	} else {
		go p.supervise()
	}
	select {
	case <-p.first:
	case <-ctx.Done():
		return fmt.Errorf("provider %q is not ready yet: %w", p.spec.Name, context.Cause(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.firstErr != nil {
		return fmt.Errorf("provider %q: %w", p.spec.Name, p.firstErr)
	}
	return nil
}

func (p *Provider) checkSpec() error {
	if err := CheckName(p.spec.Manifest, p.spec.Name, p.spec.Path); err != nil {
		return err
	}
	return checkEnv(p.spec.Env)
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
		return fmt.Errorf("provider %q: its process could not be ended: %w", p.spec.Name, context.Cause(ctx))
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

// Manifest returns the manifest that the provider was made with.
func (p *Provider) Manifest() provider.Manifest { return p.spec.Manifest }

// Status returns a snapshot for the operator, with the latest log lines if
// withLog is set.
func (p *Provider) Status(withLog bool) status.Provider {
	now, _ := p.state.get()
	manifest := p.spec.Manifest
	s := status.Provider{
		Name: p.spec.Name, Version: manifest.Version, Path: p.spec.Path,
		State: now.name, Reason: now.reason, Since: now.since,
		Generation: now.generation, Restarts: now.restarts, LastExit: now.lastExit,
		Endpoints: p.endpoints.ids(),
	}
	if manifest.Name != "" {
		s.Manifest = &manifest
	}
	if g := p.current.Load(); g != nil {
		s.PID, s.InFlight = g.proc.pid(), g.inFlight()
	}
	if withLog {
		s.Log = p.keep.last(logLines)
	}
	return s
}
