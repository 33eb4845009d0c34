package managed

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// The bounds of restarts: how far back they are counted, and the time before
// one, which doubles.
const (
	restartWindow = 10 * time.Minute
	firstBackoff  = time.Second
	longestWait   = time.Minute
)

// supervise keeps the server alive until it fails for good or ctx ends, whose
// cause says why.
func (s *server) supervise(ctx context.Context) {
	for {
		err := s.live(ctx)
		switch {
		case ctx.Err() != nil:
			s.finish(Stopped, context.Cause(ctx).Error(), nil)
			return
		case errors.Is(err, errIdle), errors.Is(err, errStopped):
			s.finish(Stopped, err.Error(), nil)
			return
		case !mayRestart(err):
			s.finish(Failed, provider.AsError(err).Message, provider.AsError(err))
			return
		}
		wait, failure := s.another(provider.AsError(err))
		if failure != nil {
			s.finish(Failed, failure.Message, failure)
			return
		}
		if sleep(ctx, wait) != nil {
			continue // the end of ctx is seen above
		}
	}
}

// crash is the end of a server that ran.
type crash struct{ failure *provider.Error }

func (c *crash) Error() string { return c.failure.Message }
func (c *crash) Unwrap() error { return c.failure }

// mayRestart reports whether another try may go better. What could not even be
// started, such as a program that is not there, will not by itself.
func mayRestart(err error) bool {
	var c *crash
	return errors.As(err, &c)
}

// another counts a restart and says how long to wait before it, or that there
// were too many.
func (s *server) another(why *provider.Error) (time.Duration, *provider.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	recent := s.restarts[:0]
	for _, at := range s.restarts {
		if now.Sub(at) < restartWindow {
			recent = append(recent, at)
		}
	}
	s.restarts, s.failure = recent, why
	if len(recent) >= s.cfg.MaxRestarts {
		e := *why
		e.Retry = provider.RetryNever
		e.Message = why.Message + "; it is given up"
		if n := len(recent); n > 0 {
			e.Message += " after " + count(n, "restart")
		}
		e.Message += ", until server.start"
		s.restarts = append(s.restarts, now) // a call does not try again
		return 0, &e
	}
	wait := min(firstBackoff<<len(recent), longestWait)
	s.restarts = append(s.restarts, now)
	s.set(Backoff, why.Message)
	return wait, nil
}

// finish ends the supervision in a state.
func (s *server) finish(state State, message string, failure *provider.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel, s.done, s.instance = nil, nil, nil
	if failure != nil {
		s.failure = failure
	}
	s.set(state, message)
}

// live is one life of the server, from its start to its end. An error that is
// neither a crash nor one of the ends from outside means that it could not be
// started.
func (s *server) live(ctx context.Context) error {
	s.mu.Lock()
	if s.state == Backoff {
		s.began = time.Now()
	}
	s.set(Starting, "is being started")
	s.mu.Unlock()
	in, err := s.launcher.launch(ctx, s.progress)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.instance = in
	s.mu.Unlock()
	if err = s.load(ctx, in); err == nil {
		err = s.watch(ctx, in)
	}
	if err == nil { // it ended by itself, or by another's wish
		err = s.ended(in)
	}
	s.end(ctx, in, err)
	s.mu.Lock()
	s.instance = nil
	s.mu.Unlock()
	return err
}

// ended says how a server that is gone came to its end.
func (s *server) ended(in instance) error {
	how := in.how()
	if how.asked {
		return errStopped
	}
	text := "the server at " + s.spec.address() + " ended: " + how.text
	return &crash{provider.Errorf(provider.CodeUpstream, "%s", s.withLastWords(in, text))}
}

// wordsInErrors is the number of lines of the log that an error carries.
const wordsInErrors = 5

// withLastWords adds the end of the server's log to a message.
func (s *server) withLastWords(in instance, text string) string {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	lines, err := in.logs(ctx, wordsInErrors)
	if err != nil || len(lines) == 0 {
		return text
	}
	const longest = 1500
	words := strings.Join(lines, " | ")
	return text + "; its last words: " + strings.ToValidUTF8(words[max(0, len(words)-longest):], "")
}

// end brings an instance to its end in the way that fits why.
func (s *server) end(ctx context.Context, in instance, why error) {
	byHand := ctx.Err() != nil && errors.Is(context.Cause(ctx), errStopped)
	var c *crash
	select {
	case <-in.ended():
		in.release()
		return
	default:
	}
	if !byHand && !errors.As(why, &c) {
		in.release() // others may use it
		return
	}
	s.mu.Lock()
	s.set(Stopping, why.Error())
	s.mu.Unlock()
	limit, cancel := context.WithTimeout(context.Background(), s.cfg.stopTimeout()+30*time.Second)
	defer cancel()
	if err := in.stop(limit); err != nil {
		s.log.Warn("managed server did not stop", "error", err)
		in.release()
	}
}

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
