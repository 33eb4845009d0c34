package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// lookEvery is how often idleness and trials are looked at.
const lookEvery = time.Second

// supervisor is the one goroutine that starts and ends a provider's processes,
// and what it alone knows.
type supervisor struct {
	*Provider
	wait     backoff
	crashes  crashes
	previous *previous // what a rollback goes back to; nil if nothing
	trial    *trial    // nil if there is none
	reason   string    // why there is no process
	again    bool      // there was one, or a try
	asleep   bool      // there need be no process until a call wants one
}

// supervise is the life of a provider: get a process, serve with it until it
// ends, get the next. It returns when the provider is stopped.
func (p *Provider) supervise() {
	defer close(p.done)
	defer p.remains.Wait()
	s := &supervisor{Provider: p, asleep: p.Spec().Lazy}
	defer s.closeBinaries()
	for {
		g := s.obtain()
		if g == nil || !s.serve(g) {
			return
		}
	}
}

func (s *supervisor) closeBinaries() {
	before, now := s.previous, s.Spec().Binary
	s.previous = nil
	if before != nil {
		s.letGo(before.spec.Binary)
	}
	if now != nil {
		_ = now.Close() // nothing was written
	}
}

// obtain returns the next generation, published, when it is time for one and
// there is one. It returns nil if the provider was stopped.
func (s *supervisor) obtain() *generation {
	for {
		if g, ok := s.restIfNeeded(); g != nil || !ok {
			return g
		}
		g, err := s.startNext()
		switch {
		case s.life.Err() != nil:
			if g != nil {
				s.end(g)
			}
			return nil
		case err == nil:
			s.settle(nil)
			return g
		case isPermanent(err):
			s.fail(err)
		default:
			s.log.Error("provider did not start", "error", err)
			s.crashedOrFailed(err.Error(), 0)
			s.settle(err)
		}
	}
}

// restIfNeeded waits until it is time to start a process. It returns a
// generation if a change made one meanwhile; ok is false if the provider was
// stopped.
func (s *supervisor) restIfNeeded() (g *generation, ok bool) {
	if s.asleep {
		s.state.set(status.ProviderIdle, "no call needs it", time.Time{})
		s.settle(nil)
		g, ok = s.rest(nil, s.wake)
		s.asleep, s.reason, s.again = false, "", false
		return g, ok
	}
	switch now, _ := s.state.get(); now.name {
	case status.ProviderFailed:
		return s.rest(nil, nil)
	case status.ProviderBackoff, status.ProviderQuarantined:
		delay := max(time.Until(now.next), 0)
		if delay > 0 {
			s.log.Info("provider starts again", "in", delay.Round(time.Millisecond))
		}
		return s.rest(time.After(delay), nil)
	default:
		return nil, s.life.Err() == nil
	}
}

// rest waits without a process for the time to start the next, for a call that
// wants one, or for a change, which it carries out. It returns the generation if
// that made one; ok is false if the provider was stopped.
func (s *supervisor) rest(next <-chan time.Time, wake <-chan struct{}) (g *generation, ok bool) {
	for {
		select {
		case <-s.life.Done():
			return nil, false
		case <-next:
			return nil, true
		case <-wake:
			return nil, true
		case o := <-s.orders:
			before, _ := s.state.get()
			if g := s.carryOut(o, nil); g != nil {
				s.settle(nil)
				return g, true
			}
			s.state.set(before.name, before.reason, before.next)
		}
	}
}

// startNext launches the next process and publishes it.
func (s *supervisor) startNext() (*generation, error) {
	id := s.state.countStart(s.again)
	s.state.set(status.ProviderStarting, s.reason, time.Time{})
	s.again = true
	begin := time.Now()
	g, err := s.launch(s.life, id, plan{spec: s.Spec()})
	s.state.setFailing(err != nil)
	if err == nil {
		s.log.Info("provider is ready", "version", g.spec.Manifest.Version, "pid", g.proc.pid(), "generation", id, "after", time.Since(begin).Round(time.Millisecond))
	}
	return g, err
}

// watched is the generation that takes calls, with what was seen of it.
type watched struct {
	*generation
	since, idleSince time.Time
	misses           int // health probes without an answer, in a row
}

func watch(g *generation) watched {
	now := time.Now()
	return watched{generation: g, since: now, idleSince: now}
}

// serve watches a published generation, and those that replace it. It returns
// true when the provider needs another process, and false if it was stopped.
func (s *supervisor) serve(first *generation) (again bool) {
	probe, tick := time.NewTicker(s.probeEvery), time.NewTicker(s.tick)
	defer probe.Stop()
	defer tick.Stop()
	g := watch(first)
	for {
		var next *generation
		select {
		case <-g.proc.exited:
			return s.lost(g.generation, time.Since(g.since))
		case <-s.life.Done():
			s.end(g.generation)
			return false
		case o := <-s.orders:
			next = s.carryOut(o, g.generation)
			if next == nil && g.stopping.Load() { // it made way for one that did not start
				return s.life.Err() == nil
			}
		case <-g.suspect:
			if !g.answers(s.life) && s.life.Err() == nil {
				g.condemn("it lost its connection and does not answer")
			}
		case <-probe.C:
			s.probe(&g)
		case <-tick.C:
			g.spec.SHA256() // nobody waited for it at the start; the status shows it
			if why := g.spoilt(); s.onTrial() && why != "" {
				next = s.retreat(g.generation, why)
			} else if s.isIdle(&g) {
				s.sendToSleep(g.generation)
				return s.life.Err() == nil
			}
		}
		if next != nil {
			g = watch(next)
		}
	}
}

// probe asks the process whether it works, and kills one that does not answer
// several times.
func (s *supervisor) probe(g *watched) {
	if g.answers(s.life) {
		g.misses = 0
		return
	}
	if g.misses++; g.misses == probeMisses && s.life.Err() == nil {
		g.condemn(fmt.Sprintf("it did not answer %d times in a row", g.misses))
	}
}

// isIdle reports whether the process has had no call for long enough to be
// stopped. One on trial is not: it has to prove itself.
func (s *supervisor) isIdle(g *watched) bool {
	if g.wasUsed() {
		g.idleSince = time.Now()
	}
	limit := s.Spec().IdleStop
	return limit > 0 && s.trial == nil && time.Since(g.idleSince) >= limit
}

// lost decides what comes after a process that ended by itself, or that the host
// had to kill. It returns false if the provider was stopped.
func (s *supervisor) lost(g *generation, ready time.Duration) bool {
	s.withdraw(g)
	if s.life.Err() != nil {
		s.end(g)
		return false
	}
	s.reason = s.crashed(g)
	if s.onTrial() {
		s.rollback(s.reason)
		return true // what worked before starts at once
	}
	s.crashedOrFailed(s.reason, ready)
	return true
}

// crashedOrFailed notes a crash or a failed start and enters backoff or
// quarantine. ready is how long the process took calls.
func (s *supervisor) crashedOrFailed(reason string, ready time.Duration) {
	s.reason = reason
	quarantine := s.crashes.add(time.Now()) && s.Spec().Attach == nil // it comes back when its developer starts it
	s.noteCrashes()
	if !quarantine {
		pause := s.wait.next(ready)
		if s.pauses != nil {
			pause = s.pauses(pause)
		}
		s.state.set(status.ProviderBackoff, reason, time.Now().Add(pause))
		return
	}
	s.log.Error("provider crashed too often and is quarantined", "crashes", s.crashes.count(time.Now()), "within", crashWindow, "next_try_in", quarantineTime)
	reason = fmt.Sprintf("%d crashes within %v; the next try is in %v, or now with: backplane providers restart %s; the last: %s",
		s.crashes.count(time.Now()), crashWindow, quarantineTime, s.Spec().Name, reason)
	s.state.set(status.ProviderQuarantined, reason, time.Now().Add(quarantineTime))
}

// sendToSleep stops a process that no call needs. A call that comes meanwhile
// waits for the next one.
func (s *supervisor) sendToSleep(g *generation) {
	s.asleep = true
	s.state.set(status.ProviderIdle, "no call needed it", time.Time{})
	s.end(g)
}

// publish makes g the generation that takes calls.
func (p *Provider) publish(g *generation) {
	g.published.Store(true)
	p.current.Store(g)
	if g.proc.hasExited() { // its own withdrawal came before the publication
		p.withdraw(g)
	}
	p.state.set(status.ProviderReady, "", time.Time{})
}

// withdraw takes g from the calls, if it was theirs.
func (p *Provider) withdraw(g *generation) { p.current.CompareAndSwap(g, nil) }

// crashed clears up after a process that ended by itself and says how it ended.
func (p *Provider) crashed(g *generation) string {
	within(context.Background(), exitWait, g.proc.finished)
	p.state.setExit(g.proc.exit())
	how := g.howItEnded()
	p.log.Error("provider process ended unexpectedly", "pid", g.proc.pid(), "generation", g.id,
		"exit", how, "calls_in_flight", g.inFlight())
	g.drain()
	// Closing the connection ends the calls that are still in flight. The next
	// process does not have to wait for any of it.
	p.remains.Go(func() { g.destroy(p.log) })
	return fmt.Sprintf("the process (pid %d) ended: %s", g.proc.pid(), how)
}

// end stops g on the provider's own wish.
func (p *Provider) end(g *generation) {
	p.withdraw(g)
	if g.isAttached() {
		g.stopping.Store(true)
		g.drain()
		g.awaitLeases(p.stopContext(), leaseLimit)
		g.takeLeave(p.stopContext(), p.endpoints.ids())
	}
	g.stop(p.stopContext(), leaseLimit, p.log)
	p.state.setExit(g.proc.exit())
	p.log.Info("provider is stopped", "generation", g.id, "exit", g.proc.exit())
}

// fail says that nothing but another configuration or binary can help.
func (p *Provider) fail(err error) {
	p.log.Error("provider cannot work", "error", err)
	p.state.set(status.ProviderFailed, err.Error(), time.Time{})
	p.settle(err)
}
