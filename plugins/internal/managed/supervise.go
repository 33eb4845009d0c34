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
