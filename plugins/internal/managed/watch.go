package managed

import (
	"context"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// loadPoll is the time between two looks at a server that loads.
const loadPoll = 250 * time.Millisecond

// load waits until the server is well. It returns nil, too, if it has ended.
func (s *server) load(ctx context.Context, in instance) error {
	s.mu.Lock()
	s.began = time.Now() // the download of an image is not counted
	limit := s.began.Add(s.cfg.startTimeout())
	s.mu.Unlock()
	for {
		err := probe(ctx, s.health)
		if err == nil {
			s.well()
			return nil
		}
		if time.Now().After(limit) {
			text := "the server at " + s.spec.address() + " did not answer within its start_timeout of " + s.cfg.startTimeout().String()
			return &crash{provider.Errorf(provider.CodeTimeout, "%s", s.withLastWords(in, text))}
		}
		s.tellLastWord(ctx, in)
		select {
		case <-in.ended():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(loadPoll, s.cfg.healthInterval())):
		}
	}
}

// tellLastWord makes the last line of the log the message of the state.
func (s *server) tellLastWord(ctx context.Context, in instance) {
	lines, err := in.logs(ctx, 1)
	if err == nil && len(lines) == 1 {
		s.progress(lines[0])
	}
}

// well notes that the server answers.
func (s *server) well() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sawWell, s.unwell = time.Now(), ""
	if s.state != Ready {
		s.used = time.Now() // it is idle from now on
		s.set(Ready, "")
	}
}

// watch looks at a server that is ready until it ends, which is no error, or has
// to be ended.
func (s *server) watch(ctx context.Context, in instance) error {
	ticker := time.NewTicker(s.cfg.healthInterval())
	defer ticker.Stop()
	for {
		select {
		case <-in.ended():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		if err := s.look(ctx, in); err != nil {
			return err
		}
	}
}

// look is one look at the server's health and use.
func (s *server) look(ctx context.Context, in instance) error {
	err := probe(ctx, s.health)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		s.well()
	default:
		select {
		case <-in.ended():
			return nil // the watch sees it
		default:
		}
		if err := s.ill(in, err); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if idle := s.cfg.idleStop(); idle > 0 && s.calls == 0 && time.Since(s.used) >= idle {
		s.set(Stopping, errIdle.Error()) // no call may begin now
		return errIdle
	}
	return nil
}

// ill notes that the server does not answer, and ends it if that is so for long.
// One of somebody else's is not ended, but not waited for either.
func (s *server) ill(in instance, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwell = why.Error()
	silent := time.Since(s.sawWell)
	if _, foreign := in.(stranger); foreign && s.state == Unhealthy {
		return &crash{provider.Errorf(provider.CodeUpstream, "the server at %s, which was not started here, is gone: %w", s.spec.address(), why)}
	}
	if limit := s.cfg.unhealthyAfter(); limit > 0 && silent >= limit {
		return &crash{provider.Errorf(provider.CodeUpstream, "the server at %s has not answered for %s: %w", s.spec.address(), silent.Round(time.Second), why)}
	}
	if s.state != Unhealthy {
		s.set(Unhealthy, why.Error())
	}
	return nil
}
