package plugin

import (
	"slices"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// notes are what the supervisor tells the operator. They are guarded by the
// provider's lock.
type notes struct {
	crashes    crashes // a copy, which forgets for itself
	trialUntil time.Time
	lastSwap   *status.Swap // never changed, only replaced
}

func (s *supervisor) note(swap status.Swap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.lastSwap = &swap
}

func (s *supervisor) noteRollback(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told.lastSwap != nil {
		swap := *s.told.lastSwap
		swap.RolledBack = why
		s.told.lastSwap = &swap
	}
}

func (s *supervisor) noteTrial() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.trialUntil = time.Time{}
	if s.trial != nil {
		s.told.trialUntil = s.trial.until
	}
}

func (s *supervisor) noteCrashes() {
	times := slices.Clone(s.crashes.times)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.crashes = crashes{times}
}

// State is the provider's state alone, which costs next to nothing.
func (p *Provider) State() status.ProviderState {
	now, _ := p.state.get()
	return now.name
}

// Status returns a snapshot for the operator, with the latest log lines if
// withLog is set.
func (p *Provider) Status(withLog bool) status.Provider {
	now, _ := p.state.get()
	spec := p.Spec()
	manifest := spec.Manifest
	s := status.Provider{
		Name: spec.Name, Version: manifest.Version, Path: spec.Path,
		State: now.name, Reason: now.reason, Since: now.since,
		Generation: now.generation, Restarts: now.restarts, LastExit: now.lastExit,
		Endpoints: p.endpoints.ids(),
	}
	if manifest.Name != "" {
		s.Manifest = &manifest
	}
	switch {
	case spec.Attach != nil:
		s.Development = "attached: neither started, verified, confined nor encrypted by this host"
	case spec.Binary == nil:
		s.Development = "the binary runs as it stands: neither verified nor kept"
	}
	if g := p.current.Load(); g != nil {
		s.PID, s.InFlight = g.proc.pid(), g.inFlight()
	}
	p.describeProcesses(&s)
	if withLog {
		s.Log = p.keep.last(logLines)
	}
	return s
}

// describeProcesses adds the generations that live, and what the supervisor has
// noted.
func (p *Provider) describeProcesses(s *status.Provider) {
	p.mu.Lock()
	living := make([]*generation, 0, 2+len(p.draining))
	if g := p.current.Load(); g != nil {
		living = append(living, g)
	}
	if p.live != nil && p.live != p.current.Load() {
		living = append(living, p.live)
	}
	living = append(living, p.draining...)
	s.Crashes, s.LastSwap = p.told.crashes.count(time.Now()), p.told.lastSwap
	if until := p.told.trialUntil; time.Now().Before(until) {
		s.TrialUntil = &until
	}
	p.mu.Unlock()
	for _, g := range living {
		one := g.status(g.spec.knownSHA256())
		if !g.isAttached() {
			one.Usage = usage(one.PID)
		}
		s.Generations = append(s.Generations, one)
	}
}

// status describes the generation, without what it uses. sum is the hash of its
// binary.
func (g *generation) status(sum string) status.Generation {
	s := status.Generation{
		ID: g.id, State: g.phase(), Version: g.spec.Manifest.Version, SHA256: sum,
		PID: g.proc.pid(), Since: g.since, InFlight: g.inFlight(),
	}
	if b := g.spec.Binary; b != nil {
		s.Kept = string(b.Kind())
	}
	if level := g.proc.level(); level != nil {
		s.Confined, s.Unconfined = level.Has, level.Missing
	}
	return s
}

// phase is the state that the generation is in.
func (g *generation) phase() status.GenerationState {
	switch {
	case g.proc.hasExited():
		return status.GenerationStopped
	case g.leases.Load() < 0:
		return status.GenerationDraining
	case g.published.Load():
		return status.GenerationReady
	case g.probing.Load():
		return status.GenerationProbing
	default:
		return status.GenerationStarting
	}
}
