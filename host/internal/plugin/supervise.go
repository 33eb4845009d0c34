package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// supervise is the life of a provider: start a process, serve with it until it
// ends, wait, start the next. It returns when the provider is stopped or cannot
// ever work. It is the only goroutine that starts and ends processes.
func (p *Provider) supervise() {
	defer close(p.done)
	defer p.remains.Wait()
	var wait backoff
	var reason string // why there is no process any more
	for again := false; ; again = true {
		g, err := p.startNext(again, reason)
		var ready time.Duration
		switch {
		case p.life.Err() != nil:
			if g != nil {
				p.end(g)
			}
			return
		case isPermanent(err):
			p.fail(err)
			return
		case err != nil:
			reason = err.Error()
			p.log.Error("provider did not start", "error", err)
		default:
			p.settle(nil)
			since := time.Now()
			if !p.serve(g) {
				return
			}
			ready = time.Since(since)
			reason = p.crashed(g)
		}
		delay := wait.next(ready)
		p.state.set(status.ProviderBackoff, reason, time.Now().Add(delay))
		p.settle(err)
		if !p.pause(delay) {
			return
		}
	}
}

// startNext launches the next process and publishes it. The reason says what
// became of the one before.
func (p *Provider) startNext(again bool, reason string) (*generation, error) {
	id := p.state.countStart(again)
	p.state.set(status.ProviderStarting, reason, time.Time{})
	begin := time.Now()
	g, err := p.launch(p.life, id)
	p.state.setFailing(err != nil)
	if err == nil {
		p.log.Info("provider is ready", "version", p.spec.Manifest.Version, "pid", g.proc.pid(), "generation", id, "after", time.Since(begin).Round(time.Millisecond))
	}
	return g, err
}

// serve watches a published generation. It returns true if the process ended by
// itself, or was of no use any more, and false if the provider was stopped.
func (p *Provider) serve(g *generation) (crashed bool) {
	probe := time.NewTicker(p.probeEvery)
	defer probe.Stop()
	misses := 0
	for {
		select {
		case <-g.proc.exited:
			p.withdraw(g)
			if p.life.Err() == nil {
				return true
			}
			p.end(g)
			return false
		case <-p.life.Done():
			p.end(g)
			return false
		case <-g.suspect:
			if !g.answers(p.life) && p.life.Err() == nil {
				g.condemn("it lost its connection and does not answer")
			}
		case <-probe.C:
			if g.answers(p.life) {
				misses = 0
			} else if misses++; misses == probeMisses && p.life.Err() == nil {
				g.condemn(fmt.Sprintf("it did not answer %d times in a row", misses))
			}
		}
	}
}

// publish makes g the generation that takes calls.
func (p *Provider) publish(g *generation) {
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
	g.stop(p.stopContext(), p.log)
	p.state.setExit(g.proc.exit())
	p.log.Info("provider is stopped", "generation", g.id, "exit", g.proc.exit())
}

// fail ends the provider for good: nothing but another configuration or binary
// can help.
func (p *Provider) fail(err error) {
	p.log.Error("provider cannot work", "error", err)
	p.state.set(status.ProviderFailed, err.Error(), time.Time{})
	p.settle(err)
}

// pause waits for the next start. It returns false if the provider was stopped.
func (p *Provider) pause(delay time.Duration) bool {
	if delay == 0 {
		return p.life.Err() == nil
	}
	p.log.Info("provider starts again", "in", delay.Round(time.Millisecond))
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.life.Done():
		return false
	}
}
