package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	prog "github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	// DefaultDrainTimeout is the time that calls in flight have to finish on a
	// process that was replaced. Streams are long.
	DefaultDrainTimeout = 5 * time.Minute
	// DefaultTrial is the time in which a new binary or configuration must prove
	// itself.
	DefaultTrial = time.Minute
	// maxDraining bounds the processes that still finish calls: swaps in quick
	// succession must not fill the machine. The next swap waits for one of them to
	// end, at most for drainPatience; then the oldest is cut short.
	maxDraining   = 3
	drainPatience = 10 * time.Second
	// faultLimit is the number of calls that a process on trial may spoil by its
	// own fault, and faultShare their share of all its calls: above both it is
	// rolled back. Errors of the service do not count.
	faultLimit = 5
	faultShare = 0.2
)

// Change is what a provider is to run from now on.
type Change struct {
	Spec Spec
	// Endpoints are opened in the new process with these configurations instead
	// of those that they are open with, and are open so from then on if it works
	// out. They must be open already.
	Endpoints []provider.EndpointConfig
	// Leaving are ids of endpoints that are about to be closed: it does not matter
	// if the new process refuses them.
	Leaving []string
	// Restart starts a new process even if nothing differs.
	Restart bool
}

// order is a change on its way to the supervisor, which answers once.
type order struct {
	ctx    context.Context
	change Change
	back   bool // to what ran before; change is empty
	answer chan<- result
}

type result struct {
	swap status.Swap
	err  error
}

// Swap replaces the provider's process by one of another binary, settings or
// environment, without a failed call: the new process is started, given all
// endpoints and probed beside the old one; then calls go to the new one, and the
// old one finishes what it has and is stopped. Exclusive plugins, of which two
// processes must not run at once, are stopped first, while calls wait.
//
// An error means that nothing was changed, and says why. For the time of
// Spec.Trial the new process is on trial: if it crashes or fails calls by its own
// fault, what ran before is started again. Changes wait for each other. The end
// of ctx ends the wait and, if it has not been published yet, the new process.
//
// A spec that makes the same process is no change and starts none; its times and
// its Lazy hold from then on all the same.
//
// Spec.Binary is the provider's from now on, whatever becomes of the change.
func (p *Provider) Swap(ctx context.Context, change Change) (status.Swap, error) {
	change.Spec.fill()
	return p.request(ctx, order{change: change})
}

// Rollback goes back to what the provider ran before the latest change that
// worked out. The bytes of that binary are still there, whatever is on disk.
func (p *Provider) Rollback(ctx context.Context) (status.Swap, error) {
	return p.request(ctx, order{back: true})
}

// Restart replaces the process by one of the same kind, and ends a quarantine.
func (p *Provider) Restart(ctx context.Context) (status.Swap, error) {
	return p.request(ctx, order{change: Change{Restart: true}})
}

func (p *Provider) request(ctx context.Context, o order) (status.Swap, error) {
	answer := make(chan result, 1)
	o.ctx, o.answer = ctx, answer
	select {
	case p.orders <- o:
	case <-p.done:
		o.discard()
		return status.Swap{}, p.refused(errors.New("it is stopped"))
	case <-ctx.Done():
		o.discard()
		return status.Swap{}, p.refused(context.Cause(ctx))
	}
	select { // taken: the supervisor answers, or ends
	case r := <-answer:
		return r.swap, r.err
	case <-p.done:
		return status.Swap{}, p.refused(errors.New("it was stopped meanwhile"))
	}
}

func (p *Provider) refused(why error) error {
	return fmt.Errorf("provider %q was not changed: %w", p.Spec().Name, why)
}

// discard lets go of the binary of a change that is not made.
func (o order) discard() {
	if b := o.change.Spec.Binary; b != nil {
		_ = b.Close() // nothing was written
	}
}

// resolve completes an order by what the provider runs now. The spec that it
// returns is the wanted one; same is true if that runs already.
func (s *supervisor) resolve(o order) (wanted Spec, same bool, err error) {
	now := s.Spec()
	switch {
	case o.back && s.previous == nil:
		return Spec{}, false, errors.New("there is nothing to go back to: it has not been changed since the host started")
	case o.back:
		return s.previous.spec, false, nil
	case o.change.Spec.Name == "": // a restart
		return now, false, nil
	}
	wanted = o.change.Spec
	if err := wanted.check(now.Name); err != nil {
		return wanted, false, err
	}
	return wanted, !o.change.Restart && len(o.change.Endpoints) == 0 && wanted.Same(now), nil
}

// carryOut makes the change that is ordered and answers. old is the generation
// that takes calls, nil if there is none. It returns the new one, nil if nothing
// was changed.
func (s *supervisor) carryOut(o order, old *generation) *generation {
	begin := time.Now()
	swap := status.Swap{Provider: s.Spec().Name, At: begin}
	if old != nil {
		from := old.status(old.spec.SHA256())
		swap.From = &from
	}
	wanted, same, err := s.resolve(o)
	if same {
		swap.To = swap.From
		s.retune(wanted)
		o.discard()
		o.answer <- result{swap: swap}
		return nil
	}
	if o.back && err == nil {
		o.change.Endpoints = s.endpoints.undone(s.previous.endpoints)
	}
	var next *generation
	if err == nil {
		next, err = s.replace(o, old, wanted)
	}
	if err != nil {
		s.log.Error("provider was not changed", "error", err)
		o.discard()
		o.answer <- result{swap, s.refused(err)}
		return nil
	}
	to := next.status(next.spec.SHA256())
	swap.Changed, swap.To, swap.Took = true, &to, time.Since(begin)
	s.adopt(wanted, o, replaced(next.replaced, o.change.Endpoints), old != nil)
	s.note(swap)
	s.log.Info("provider was changed", "version", to.Version, "pid", to.PID, "generation", to.ID, "after", swap.Took.Round(time.Millisecond))
	o.answer <- result{swap: swap}
	return next
}

// replace starts the wanted process beside the old one, or after it if the two
// must not run at once. On failure the old one runs on, or one like it.
func (s *supervisor) replace(o order, old *generation, wanted Spec) (*generation, error) {
	ctx, cancel := context.WithCancelCause(o.ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })()
	if old == nil {
		return s.launch(ctx, s.state.countStart(false), plan{spec: wanted, endpoints: o.change.Endpoints, leaving: o.change.Leaving})
	}
	if wanted.Manifest.Exclusive || old.spec.Manifest.Exclusive {
		return s.replaceExclusive(ctx, o, old, wanted)
	}
	// If the old process dies meanwhile, calls wait: starting what is known to
	// work comes first.
	watch := make(chan struct{})
	defer close(watch)
	go func() {
		select {
		case <-old.proc.exited:
			cancel(errors.New("the process that runs now ended meanwhile"))
		case <-watch:
		}
	}()
	s.awaitRoom(ctx)
	next, err := s.launch(ctx, s.state.countStart(false), plan{spec: wanted, endpoints: o.change.Endpoints, leaving: o.change.Leaving, strict: true})
	if err != nil {
		if ctx.Err() != nil { // how the start came to an end says less
			err = context.Cause(ctx)
		}
		return nil, err
	}
	s.retire(old)
	return next, nil
}

// replaceExclusive stops the old process first. Calls wait meanwhile.
func (s *supervisor) replaceExclusive(ctx context.Context, o order, old *generation, wanted Spec) (*generation, error) {
	s.state.set(status.ProviderStarting, "it is being replaced", time.Time{})
	s.withdraw(old)
	old.stop(ctx, s.Spec().DrainTimeout, s.log)
	next, err := s.launch(ctx, s.state.countStart(false), plan{spec: wanted, endpoints: o.change.Endpoints, leaving: o.change.Leaving, strict: true})
	if err != nil {
		s.log.Error("the process that was to replace it did not start; starting one as before", "error", err)
	}
	return next, err // without a process, the supervisor starts one as before
}

// awaitRoom waits until another process may be replaced without cutting off the
// calls of one that was replaced before, at most until ctx ends.
func (s *supervisor) awaitRoom(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	for {
		s.mu.Lock()
		full := len(s.draining) >= maxDraining
		s.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-s.room:
		case <-ctx.Done():
			return
		}
	}
}

// retire lets a replaced generation finish what it has, in the background.
func (s *supervisor) retire(old *generation) {
	old.drain()
	limit := s.Spec().DrainTimeout
	s.mu.Lock()
	s.draining = append(s.draining, old)
	var excess []*generation
	if n := len(s.draining) - maxDraining; n > 0 {
		excess = append(excess, s.draining[:n]...)
	}
	s.mu.Unlock()
	for _, g := range excess {
		g.hurry("the provider was replaced too often while it had calls")
	}
	s.remains.Go(func() {
		old.retire(s.life, limit, s.stopContext, s.log)
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, g := range s.draining {
			if g == old {
				s.draining = append(s.draining[:i:i], s.draining[i+1:]...)
				break
			}
		}
		select {
		case s.room <- struct{}{}:
		default: // told already
		}
	})
}

// adopt makes a spec that works what the provider runs. The one before it stays
// within reach for a rollback.
func (s *supervisor) adopt(wanted Spec, o order, before []replacedEndpoint, onTrial bool) {
	s.trial = nil
	s.wait = backoff{}
	if o.change.Spec.Name != "" || o.back { // not a restart
		dropped := s.previous
		s.previous = &previous{spec: s.Spec(), endpoints: before}
		s.setSpec(wanted)
		if dropped != nil {
			s.letGo(dropped.spec.Binary)
		}
		s.crashes.forget()
		s.noteCrashes()
		if onTrial && wanted.Trial > 0 && !o.back {
			s.trial = &trial{until: time.Now().Add(wanted.Trial)}
		}
		s.tellChange()
	}
	s.noteTrial()
}

// letGo closes a binary that nothing can start any more.
func (s *supervisor) letGo(b *prog.Binary) {
	if b == nil || b == s.Spec().Binary || s.previous != nil && b == s.previous.spec.Binary {
		return
	}
	_ = b.Close() // nothing was written
}

// retune takes over what no process is needed for.
func (s *supervisor) retune(wanted Spec) {
	now := s.Spec()
	now.StartTimeout, now.DrainTimeout, now.Trial = wanted.StartTimeout, wanted.DrainTimeout, wanted.Trial
	now.Lazy, now.IdleStop = wanted.Lazy, wanted.IdleStop
	s.setSpec(now)
}

// Same reports whether two specs make the same process. Without a known hash
// nobody can say that they do.
func (s Spec) Same(other Spec) bool {
	return s.Path == other.Path && s.SHA256() == other.SHA256() && s.SHA256() != "" &&
		string(s.Settings.JSON()) == string(other.Settings.JSON()) && maps.Equal(s.Env, other.Env) &&
		reflect.DeepEqual(s.Confine, other.Confine)
}
