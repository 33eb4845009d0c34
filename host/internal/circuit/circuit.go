// Package circuit keeps an endpoint from calling a service that fails.
//
// A [Breaker] is closed while the service works. It opens when too many of the
// attempts in a sliding window failed, and then refuses attempts at once. After
// a while it is half open: a few attempts, the probes, go through. The first
// probe that succeeds closes it, the first that fails opens it again, for twice
// as long. Operators can open and close it by hand.
//
// The states and the timer are go-resiliency's breaker, tripped by hand: that
// library counts errors without regard to successes, lets every caller through
// when half open, and takes results of calls that began before it opened. So
// what to count, whom to let through and which results are still of interest is
// decided here: every attempt needs a [Permit], which carries the number of the
// period that it was given in, and results from earlier periods are ignored.
//
// The library's timer cannot be stopped. A breaker that is dropped while open
// leaves one sleeping goroutine behind until the open time is over. Openings by
// hand, which can be long, do not use it.
//
// # Requests that wait for the probe
//
// With when_open = "hold" the endpoint's chain lets requests wait at the gate of
// the queue instead of refusing them:
//
//  1. Whenever the circuit refuses, before the queue or after it, and when an
//     attempt's end has opened it, the chain shuts the gate for the refusal's
//     RetryAfter and asks the queue again, under the request's old number. Who
//     cannot wait that long is refused, and so is everybody if RetryAfter is 0:
//     the circuit was opened by hand until further notice.
//  2. When the gate is ajar, one request goes ahead and becomes the probe. If it
//     fails, [Breaker.Done] opens the circuit, so that the gate can be shut again
//     before the slot is free.
//  3. The gate lets all go when the first answer is there, and also when the
//     probe takes longer than a second. Then they become probes, up to the
//     configured number, and the next one is refused and shuts the gate again for
//     a second. So a slow probe costs one request a second another turn.
//  4. On a change to closed the chain opens the gate: a probe that was not the
//     gate's trial has succeeded, or an operator has closed the circuit.
package circuit

import (
	"sync"
	"sync/atomic"
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

	// What most calls of Allow need, to be read without the lock.
	closed atomic.Uint64           // the period if the circuit is closed, else 0
	told   atomic.Pointer[refusal] // the latest refusal, nil after a change

	good atomic.Pointer[good] // counts successes without the lock, nil if they need it

	mu      sync.Mutex
	cfg     config.Breaker
	machine *breaker.Breaker
	state   status.CircuitState
	since   time.Time
	period  uint64 // grows with each change of state
	window  window
	streak  int // failures in a row
	reason  string
	byHand  bool        // open by hand
	retryAt time.Time   // end of the open time; zero if there is none
	timer   *time.Timer // of the open time

	probes    int // under way
	probedAt  time.Time
	reopened  int // openings since the breaker was last closed, less one
	trips     uint64
	history   history
	unnoticed []status.Transition // not yet told to notify
	telling   bool                // somebody is telling
}

// New makes a closed breaker. notify may be nil; it is told each change of
// state, in their order and without any lock held.
func New(cfg config.Breaker, notify func(status.Transition)) *Breaker {
	now := time.Now()
	b := &Breaker{origin: now, notify: notify, since: now, period: 1}
	b.configure(cfg)
	return b
}

// Configure changes the settings. The state is kept, unless the breaker is
// turned on or off: that closes it, if it was not opened by hand. A new window
// length forgets the counts.
func (b *Breaker) Configure(cfg config.Breaker) {
	b.mu.Lock()
	defer b.unlock()
	b.collect()
	b.configure(cfg)
}

func (b *Breaker) configure(cfg config.Breaker) {
	if cfg.Window != b.cfg.Window || b.machine == nil {
		b.window = newWindow(cfg.Window)
	}
	turned := cfg.Enabled != b.cfg.Enabled || b.machine == nil
	b.cfg = cfg
	b.told.Store(nil)
	if turned && !b.byHand {
		b.machine = breaker.New(1, 1, cfg.OpenFor)
		reason := "the breaker was turned off"
		if cfg.Enabled {
			reason = "the breaker was turned on"
		}
		b.rest(reason)
	}
}

// Allow asks for one attempt. The error is an [*provider.Error] with
// CodeCircuitOpen. It is shared between those who are refused at about the same
// time and must not be changed. Its RetryAfter, which can be a millisecond too
// long, is 0 if the circuit is open until it is closed by hand.
func (b *Breaker) Allow() (Permit, error) {
	if period := b.closed.Load(); period != 0 {
		return Permit{period: period}, nil
	}
	if r := b.told.Load(); r.holds(b.origin) {
		return Permit{}, r.err
	}
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
	return Permit{}, b.refuse()
}

// Refusal is the error with which an attempt would be refused for certain, nil
// unless the breaker is open. It spares a request the wait for a slot. As that
// of Allow it must not be changed.
func (b *Breaker) Refusal() error {
	if b.closed.Load() != 0 {
		return nil
	}
	if r := b.told.Load(); r.holds(b.origin) && r.certain {
		return r.err
	}
	b.mu.Lock()
	defer b.unlock()
	if b.current() != status.CircuitOpen {
		return nil
	}
	return b.refuse()
}

// RetryAt is when an open circuit becomes half open. It is zero if the circuit
// is not open, or until it is closed by hand.
func (b *Breaker) RetryAt() time.Time {
	b.mu.Lock()
	defer b.unlock()
	if b.current() != status.CircuitOpen {
		return time.Time{}
	}
	return b.retryAt
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
		b.succeed()
		return Permit{period: b.period}
	}
	return Permit{}
}

// Done gives the permit back with the attempt's outcome. It must be called once
// for each permit. retryAfter is how long the service asked to be left alone; a
// failure that opens the breaker opens it at least for that long.
func (b *Breaker) Done(p Permit, outcome Outcome, retryAfter time.Duration) {
	b.done(p, outcome, retryAfter, time.Since(b.origin))
}

// DoneAt is [Breaker.Done] for a caller that has just read the clock.
func (b *Breaker) DoneAt(p Permit, outcome Outcome, retryAfter time.Duration, at time.Time) {
	b.done(p, outcome, retryAfter, at.Sub(b.origin))
}

func (b *Breaker) done(p Permit, outcome Outcome, retryAfter, now time.Duration) {
	if p.period == 0 {
		return
	}
	if outcome == Success && b.good.Load().add(p, now) {
		return
	}
	b.mu.Lock()
	defer b.unlock()
	switch {
	case p.period != b.period:
	case p.probe:
		b.probed(outcome, retryAfter)
	case outcome != Ignored:
		b.count(outcome == Failure, retryAfter, now)
	}
}

// probed takes the outcome of a probe. b.mu is held.
func (b *Breaker) probed(outcome Outcome, retryAfter time.Duration) {
	b.probes--
	b.told.Store(nil)
	switch outcome {
	case Success:
		b.succeed()
	case Failure:
		b.reopened++
		b.trip("a probe failed", retryAfter)
	}
}

// count takes the outcome of an attempt while closed. b.mu is held.
func (b *Breaker) count(failed bool, retryAfter, now time.Duration) {
	b.collect()
	b.window.add(now, failed)
	b.streak++
	if !failed {
		b.streak = 0
	}
	if reason, ok := b.tripped(now); ok {
		b.trip(reason, retryAfter)
		return
	}
	b.spread()
}
