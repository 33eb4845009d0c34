package endpoint

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// scope is the context of one attempt: of the wait for its slot, of the call, and
// of an answer that goes on after it. It ends with the caller's context, when its
// time limit passes, or when the attempt is over.
//
// A scope costs next to nothing until somebody wants to be told of its end: only
// then does it make a context of package context, whose Done it hands out, and
// start its timer. Contexts that are derived from a scope find that context
// through Value, and hang on it directly.
//
// A scope also has room for the attempt's request, as both are given to the backend.
// They are used for one attempt only: who has them may keep them, as derived
// contexts do for a moment.
//
// It is safe for concurrent use.
type scope struct {
	req    provider.Request
	caller context.Context

	mu    sync.Mutex
	limit *limit    // what ends the scope at the moment at, or has ended it
	at    time.Time // zero for no limit
	end   ending

	inner  context.Context // nil as long as nobody waits for the end
	cancel context.CancelCauseFunc
	timer  *time.Timer // nil if inner never had a limit
}

// ending is what has ended a scope.
type ending uint8

const (
	lasting  ending = iota
	byCaller        // whose context has ended
	byLimit
	byItself // the attempt is over
)

// begin makes a scope that the limit ends at the given moment; zero is no limit.
func (s *scope) begin(caller context.Context, l *limit, at time.Time) {
	s.caller, s.limit, s.at = caller, l, at
}

// arm replaces the limit.
func (s *scope) arm(l *limit, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == lasting {
		s.limit, s.at = l, at
		s.setTimer()
	}
}

// lift takes the limit away, unless it has just passed: then it reports false.
func (s *scope) lift() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.look() != lasting {
		return false
	}
	s.at = time.Time{}
	s.setTimer()
	return true
}

// over ends the scope because the attempt is over.
func (s *scope) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(byItself, nil)
}

// pass ends the scope as if the limit were its own.
func (s *scope) pass(l *limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == lasting {
		s.limit = l
		s.finish(byLimit, l)
	}
}

// whole reports whether the scope has ended because the whole request has, and
// not only this attempt.
func (s *scope) whole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.look()
	return end == byCaller || end == byLimit && s.limit.whole
}

// why returns what has ended the scope: a limit, or the caller with a cause. Both
// are nil if it was neither.
func (s *scope) why() (*limit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.look() {
	case byLimit:
		return s.limit, nil
	case byCaller:
		return nil, context.Cause(s.caller)
	default:
		return nil, nil
	}
}

// Deadline is the caller's: the scope's own limit can be lifted.
func (s *scope) Deadline() (time.Time, bool) { return s.caller.Deadline() }

// Value is the caller's.
func (s *scope) Value(key any) any {
	s.mu.Lock()
	inner := s.inner
	s.mu.Unlock()
	if inner != nil {
		return inner.Value(key) // package context looks for its own kind this way
	}
	return s.caller.Value(key)
}

// Err implements [context.Context].
func (s *scope) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.look() {
	case lasting:
		return nil
	case byCaller:
		return s.caller.Err()
	default:
		return context.Canceled
	}
}

// Done implements [context.Context].
func (s *scope) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inner == nil {
		s.inner, s.cancel = context.WithCancelCause(s.caller)
		switch s.look() {
		case lasting:
			s.setTimer()
		case byLimit:
			s.cancel(s.limit)
		default:
			s.cancel(nil)
		}
	}
	return s.inner.Done()
}

// setTimer starts, moves or stops the timer, if somebody waits. s.mu is held.
func (s *scope) setTimer() {
	switch {
	case s.inner == nil:
	case s.at.IsZero():
		if s.timer != nil {
			s.timer.Stop()
		}
	case s.timer == nil:
		s.timer = time.AfterFunc(time.Until(s.at), s.expire)
	default:
		s.timer.Reset(time.Until(s.at))
	}
}

// expire is called by the timer. The limit may have been replaced meanwhile.
func (s *scope) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
}

// look ends the scope if what ends it has come, and returns what it was. s.mu is
// held.
func (s *scope) look() ending {
	switch {
	case s.end != lasting:
	case s.caller.Err() != nil:
		s.finish(byCaller, nil)
	case !s.at.IsZero() && time.Until(s.at) <= 0:
		s.finish(byLimit, s.limit)
	}
	return s.end
}

// finish ends the scope once. s.mu is held.
func (s *scope) finish(how ending, cause error) {
	if s.end != lasting {
		return
	}
	s.end = how
	if s.inner == nil {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.cancel(cause)
}
