package managed

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// acquire waits until the server can be called, and starts it if it may. release
// must follow the call's end.
func (s *server) acquire(ctx context.Context, limit time.Duration) (release func(), err error) {
	ctx, cancel := s.patience(ctx, limit)
	defer cancel()
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	if err := s.await(ctx, true); err != nil {
		s.release()
		return nil, err
	}
	return s.release, nil
}

func (s *server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls--
	s.used = time.Now()
}

// margin is how long before a call's deadline it is told that the server loads:
// in time to say so.
const margin = 150 * time.Millisecond

var errPatience = errors.New("the call's time is over")

// patience bounds the time that a call waits by the time that it has.
func (s *server) patience(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if at, ok := ctx.Deadline(); ok && (limit <= 0 || time.Until(at) < limit) {
		limit = time.Until(at)
	}
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit-min(margin, limit/5), errPatience)
}

// retryFailedStart is the time after which a call tries again to start a server
// that could not be started at all.
const retryFailedStart = 10 * time.Second

// await waits until the server is ready. With begin it starts it as a call does.
func (s *server) await(ctx context.Context, begin bool) error {
	for {
		s.mu.Lock()
		if begin {
			s.beginLocked()
		}
		state, changed := s.state, s.changed
		err := s.refusal()
		s.mu.Unlock()
		if state == Ready || state == Unhealthy {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errPatience) {
				return s.loading()
			}
			return ctx.Err()
		}
	}
}

// beginLocked starts the server if a call may do so.
func (s *server) beginLocked() {
	mayStart := s.cfg.Autostart != startManual && !s.held
	failedLongAgo := s.state == Failed && len(s.restarts) == 0 && time.Since(s.since) > retryFailedStart
	if mayStart && (s.state == Stopped || failedLongAgo) {
		s.startLocked()
	}
}

// refusal says why it is of no use to wait, nil if it is.
func (s *server) refusal() error {
	switch s.state {
	case Failed:
		e := *s.failure
		return &e
	case Stopped:
		e := provider.Errorf(provider.CodeConflict, "the server at %s is not started; call server.start", s.spec.address())
		return e
	default:
		return nil
	}
}

// loading tells a caller whose time is over how far the start has come.
func (s *server) loading() error {
	st := s.status()
	e := provider.Errorf(provider.CodeOverloaded, "the server at %s is %s, for %s now: %s", s.spec.address(), st.State,
		time.Since(s.startedAt()).Round(time.Second), cmpText(st.Message, "it has said nothing yet"))
	e.RetryAfter = s.cfg.healthInterval()
	return e
}

func cmpText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (s *server) startedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began
}

// endpoints names those that use the server.
func (s *server) endpoints() []string {
	var names []string
	for name := range s.users {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
