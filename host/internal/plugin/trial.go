package plugin

import "time"

// trial is the time in which a new spec must prove itself.
type trial struct {
	until time.Time
}

// onTrial reports whether the trial goes on.
func (s *supervisor) onTrial() bool {
	if s.trial != nil && time.Now().After(s.trial.until) {
		s.log.Info("provider has passed its trial", "version", s.Spec().Manifest.Version)
		s.trial = nil
		s.noteTrial()
	}
	return s.trial != nil
}

// rollback goes back to what ran before the trial, whose process has just died.
func (s *supervisor) rollback(why string) {
	failed := s.Spec()
	s.log.Error("provider failed its trial and is rolled back", "version", failed.Manifest.Version, "why", why)
	s.endpoints.replace(s.endpoints.undone(s.previous.endpoints)) // none if a process has them already
	s.setSpec(s.previous.spec)
	s.previous = nil
	s.letGo(failed.Binary)
	s.trial = nil
	s.noteTrial()
	s.noteRollback(why)
	s.wait = backoff{}
	s.tellChange()
}

// retreat replaces a process that fails its trial by one as before, beside it.
// It returns that, or nil if that did not start: then the trial goes on.
func (s *supervisor) retreat(g *generation, why string) *generation {
	next, err := s.launch(s.life, s.state.countStart(false), plan{spec: s.previous.spec, endpoints: s.endpoints.undone(s.previous.endpoints), strict: true})
	if err != nil {
		s.log.Error("provider fails its trial, but what ran before does not start", "why", why, "error", err)
		s.trial.until = time.Now() // not again and again
		return nil
	}
	s.rollback(why)
	s.retire(g)
	return next
}
