// Package circuit keeps an endpoint from calling a service that fails.
//
// A [Breaker] is closed while the service works. It opens when too many of the
// attempts in a sliding window failed, and then refuses attempts at once. After
// a while it is half open: a few attempts, the probes, go through. The first
// probe that succeeds closes it, the first that fails opens it again, for twice
// as long.
//
// The states and the timer are go-resiliency's breaker, tripped by hand: that
// library counts errors without regard to successes, lets every caller through
// when half open, and takes results of calls that began before it opened. So
// what to count, whom to let through and which results are still of interest is
// decided here: every attempt needs a [Permit], which carries the number of the
// period that it was given in, and results from earlier periods are ignored.
//
// The library's timer cannot be stopped. A breaker that is dropped while open
// leaves one sleeping goroutine behind until the open time is over.
package circuit

import (
	"errors"
	"sync"
	"time"

	"github.com/eapache/go-resiliency/breaker"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
)

// Outcome is what an attempt says about the service.
type Outcome uint8

// The outcomes. Ignored is for all that is not the service's doing: faults of
// the caller, rate limits, cancels, crashes of the plugin.
const (
	Ignored Outcome = iota
	Success
	Failure
)

// Permit allows one attempt. It is given back with [Breaker.Done].
type Permit struct {
	period uint64 // 0 if the breaker is disabled
	probe  bool
}

// Breaker is a circuit breaker. It is safe for concurrent use.
type Breaker struct {
	origin time.Time
	notify func(status.Transition)

	mu      sync.Mutex
	cfg     config.Breaker
	machine *breaker.Breaker
	state   status.CircuitState
	since   time.Time
	period  uint64 // grows with each change of state
	window  window
	streak  int // failures in a row
	reason  string
	retryAt time.Time // end of the open time

	probes    int // under way
	probedAt  time.Time
	reopened  int // openings since the breaker was last closed, less one
	trips     uint64
	history   history
	unnoticed []status.Transition // not yet told to notify
}

// New makes a closed breaker. notify may be nil; it is called after each change
// of state, without any lock held. A change to half open is noticed when the
// next attempt asks.
func New(cfg config.Breaker, notify func(status.Transition)) *Breaker {
	now := time.Now()
	b := &Breaker{origin: now, notify: notify, since: now, period: 1}
	b.configure(cfg)
	return b
}

// Configure changes the settings. The state is kept, unless the breaker is
// turned on or off: that closes it. A new window length forgets the counts.
func (b *Breaker) Configure(cfg config.Breaker) {
	b.mu.Lock()
	defer b.unlock()
	b.configure(cfg)
}

func (b *Breaker) configure(cfg config.Breaker) {
	if cfg.Window != b.cfg.Window || b.machine == nil {
		b.window = newWindow(cfg.Window)
	}
	if cfg.Enabled != b.cfg.Enabled || b.machine == nil {
		b.machine = breaker.New(1, 1, cfg.OpenFor)
		b.reopened = 0
		if cfg.Enabled {
			b.setState(status.CircuitClosed, time.Now(), "the breaker was turned on")
		} else {
			b.setState(status.CircuitDisabled, time.Now(), "the breaker was turned off")
		}
	}
	b.cfg = cfg
}

// Allow asks for one attempt. The error is an [*provider.Error] with
// CodeCircuitOpen.
func (b *Breaker) Allow() (Permit, error) {
	b.mu.Lock()
	defer b.unlock()
	switch b.current() {
	case status.CircuitDisabled:
		return Permit{}, nil
	case status.CircuitClosed:
		return Permit{period: b.period}, nil
	case status.CircuitHalfOpen:
		if b.probeFree() {
			b.probes++
			b.probedAt = time.Now()
			return Permit{period: b.period, probe: true}, nil
		}
	}
	return Permit{}, b.refusal()
}

// Refusal is the error with which an attempt would be refused for certain, nil
// unless the breaker is open. It spares a request the wait for a slot.
func (b *Breaker) Refusal() error {
	b.mu.Lock()
	defer b.unlock()
	if b.current() != status.CircuitOpen {
		return nil
	}
	return b.refusal()
}

// Began says that the service has begun to answer the attempt. That closes a
// half-open circuit: a long stream need not end before others may follow. The
// permit that is returned replaces p, and the attempt's end is still counted.
func (b *Breaker) Began(p Permit) Permit {
	if !p.probe {
		return p
	}
	b.mu.Lock()
	defer b.unlock()
	if p.period == b.period {
		b.close()
		return Permit{period: b.period}
	}
	return Permit{}
}

// Done gives the permit back with the attempt's outcome. It must be called once
// for each permit. retryAfter is how long the service asked to be left alone; a
// failure that opens the breaker opens it at least for that long.
func (b *Breaker) Done(p Permit, outcome Outcome, retryAfter time.Duration) {
	if p.period == 0 {
		return
	}
	b.mu.Lock()
	defer b.unlock()
	switch {
	case p.period != b.period:
	case p.probe:
		b.probed(outcome, retryAfter)
	case outcome != Ignored:
		b.count(outcome == Failure, retryAfter)
	}
}

// probed takes the outcome of a probe. b.mu is held.
func (b *Breaker) probed(outcome Outcome, retryAfter time.Duration) {
	b.probes--
	switch outcome {
	case Success:
		b.close()
	case Failure:
		b.reopened++
		b.open("a probe failed", retryAfter)
	}
}

// count takes the outcome of an attempt while closed. b.mu is held.
func (b *Breaker) count(failed bool, retryAfter time.Duration) {
	now := time.Since(b.origin)
	b.window.add(now, failed)
	b.streak++
	if !failed {
		b.streak = 0
	}
	if reason, ok := b.tripped(now); ok {
		b.open(reason, retryAfter)
	}
}

// errTrip is what the library's breaker is fed to open.
var errTrip = errors.New("trip")

// open starts an open time with a state machine of its own, since each may have
// another length. b.mu is held.
func (b *Breaker) open(reason string, atLeast time.Duration) {
	now := time.Now()
	d := max(b.openTime(), atLeast)
	b.machine = breaker.New(1, 1, d)
	_ = b.machine.Run(func() error { return errTrip }) // returns errTrip
	b.retryAt = now.Add(d)
	b.reason = reason
	b.trips++
	b.setState(status.CircuitOpen, now, reason)
}

// close ends the trouble: counts start anew. b.mu is held.
func (b *Breaker) close() {
	if err := b.machine.Run(func() error { return nil }); err != nil {
		// The library's timer is late by a moment and it still says open.
		b.machine = breaker.New(1, 1, b.cfg.OpenFor)
	}
	b.reopened = 0
	b.setState(status.CircuitClosed, time.Now(), "a probe succeeded")
}

// current is the state after a look at the timer. b.mu is held.
func (b *Breaker) current() status.CircuitState {
	if b.state == status.CircuitOpen &&
		(b.machine.GetState() == breaker.HalfOpen || !time.Now().Before(b.retryAt)) {
		b.setState(status.CircuitHalfOpen, b.retryAt, "the open time is over")
	}
	return b.state
}

// setState begins a new period. b.mu is held.
func (b *Breaker) setState(to status.CircuitState, at time.Time, reason string) {
	if b.state == to {
		return
	}
	from := b.state
	b.state, b.since = to, at
	b.period++
	b.probes = 0
	b.streak = 0
	if to == status.CircuitClosed {
		b.window.reset()
	}
	if from == "" {
		return // the state that a new breaker starts with
	}
	t := status.Transition{At: at, From: from, To: to, Reason: reason}
	b.history.add(t)
	if b.notify != nil {
		b.unnoticed = append(b.unnoticed, t)
	}
}

// unlock releases b.mu and then tells what changed while it was held.
func (b *Breaker) unlock() {
	news := b.unnoticed
	b.unnoticed = nil
	b.mu.Unlock()
	for _, t := range news {
		b.notify(t)
	}
}
