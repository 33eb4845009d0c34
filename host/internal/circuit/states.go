package circuit

import (
	"errors"
	"time"

	"github.com/eapache/go-resiliency/breaker"

	"github.com/backplane-dev/backplane/host/status"
)

// errTrip is what the library's breaker is fed to open.
var errTrip = errors.New("trip")

// trip starts an open time with a state machine of its own, since each may have
// another length. b.mu is held.
func (b *Breaker) trip(reason string, atLeast time.Duration) {
	d := max(b.openTime(), atLeast)
	b.machine = breaker.New(1, 1, d)
	_ = b.machine.Run(func() error { return errTrip }) // returns errTrip
	b.open(reason, d, false)
}

// open begins an open time, without end if d is 0. b.mu is held.
func (b *Breaker) open(reason string, d time.Duration, byHand bool) {
	now := time.Now()
	b.retryAt = time.Time{}
	b.stopTimer()
	if d > 0 {
		b.retryAt = now.Add(d)
		b.timer = time.AfterFunc(d, b.look)
	}
	b.reason, b.byHand = reason, byHand
	b.trips++
	b.setState(status.CircuitOpen, now, reason)
}

// look lets a change that time has made be noticed.
func (b *Breaker) look() {
	b.mu.Lock()
	defer b.unlock()
	b.current()
}

// succeed ends the trouble after a probe that succeeded. b.mu is held.
func (b *Breaker) succeed() {
	if err := b.machine.Run(func() error { return nil }); err != nil {
		// The library's timer is late by a moment and it still says open, or
		// the circuit was opened by hand.
		b.machine = breaker.New(1, 1, b.cfg.OpenFor)
	}
	b.rest("a probe succeeded")
}

// rest goes to the state without trouble: counts start anew. b.mu is held.
func (b *Breaker) rest(reason string) {
	b.reopened, b.byHand = 0, false
	b.stopTimer()
	state := status.CircuitClosed
	if !b.cfg.Enabled {
		state = status.CircuitDisabled
	}
	if b.state != state {
		b.setState(state, time.Now(), reason)
	}
}

func (b *Breaker) stopTimer() {
	if b.timer != nil {
		b.timer.Stop()
	}
}

// current is the state after a look at the clock. b.mu is held.
func (b *Breaker) current() status.CircuitState {
	if b.state != status.CircuitOpen || b.retryAt.IsZero() {
		return b.state
	}
	over := !time.Now().Before(b.retryAt)
	switch {
	case over && !b.cfg.Enabled: // it was opened by hand
		b.rest("the open time is over")
	case over, !b.byHand && b.machine.GetState() == breaker.HalfOpen:
		b.stopTimer()
		b.byHand = false
		b.setState(status.CircuitHalfOpen, b.retryAt, "the open time is over")
	}
	return b.state
}

// setState begins a new period. b.mu is held.
func (b *Breaker) setState(to status.CircuitState, at time.Time, reason string) {
	from := b.state
	b.state, b.since = to, at
	b.period++
	b.probes = 0
	b.streak = 0
	b.told.Store(nil)
	b.closed.Store(0)
	b.collect()
	if to == status.CircuitClosed {
		b.window.reset()
		b.closed.Store(b.period)
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

// unlock releases b.mu after telling what changed while it was held, in the
// order of the changes: if somebody is telling already, they tell this as well.
func (b *Breaker) unlock() {
	if b.telling || len(b.unnoticed) == 0 {
		b.mu.Unlock()
		return
	}
	b.telling = true
	for len(b.unnoticed) > 0 {
		news := b.unnoticed
		b.unnoticed = nil
		b.mu.Unlock()
		for _, t := range news {
			b.notify(t)
		}
		b.mu.Lock()
	}
	b.telling = false
	b.mu.Unlock()
}
