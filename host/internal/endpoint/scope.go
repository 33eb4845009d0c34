package endpoint

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/internal/ends"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// scope is the context of one attempt: of the wait for its slot, of the call, and
// of an answer that goes on after it. It ends with the caller's context, when its
// time limit passes, or when the attempt is over.
//
// A scope costs next to nothing until somebody wants to be told of its end: only
// then does it watch the caller's context, and set an alarm.
//
// A scope also has room for the attempt's request, as both are given to the backend.
// They are used for one attempt only: who has them may keep them, as derived
// contexts do for a moment.
//
// It is safe for concurrent use.
type scope struct {
	req    provider.Request
	caller context.Context
	alarms *alarms // of the endpoint
	signal ends.Signal

	mu    sync.Mutex
	limit *limit    // what ends the scope at the moment at, or has ended it
	at    time.Time // zero for no limit
	end   ending

	attended bool            // somebody wants to be told of the end
	visit    *ends.Context   // with which the caller's context ends; nil if it is of another kind
	unfollow func() bool     // stops following a context of another kind
	alarm    *alarm          // of the limit; nil if there is none, or nobody attends
	passed   context.Context // has the limit as its cause; nil unless one has ended the scope
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
		s.setAlarm()
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
	s.setAlarm()
	return true
}

// over ends the scope because the attempt is over.
func (s *scope) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(byItself)
}

// pass ends the scope as if the limit were its own.
func (s *scope) pass(l *limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == lasting {
		s.limit = l
		s.finish(byLimit)
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
	passed := s.passed
	s.mu.Unlock()
	if passed != nil {
		return passed.Value(key) // package context looks for the cause this way
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
	s.attend()
	return s.signal.Done()
}

// AfterFunc lets derived contexts hang on the scope without a goroutine each.
func (s *scope) AfterFunc(f func()) (stop func() bool) {
	s.attend()
	return s.signal.AfterFunc(f)
}

// attend makes sure that the end is noticed when it comes.
func (s *scope) attend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attended || s.look() != lasting {
		return
	}
	s.attended = true
	s.setAlarm()
	if s.visit = ends.Of(s.caller); s.visit == nil {
		s.unfollow = context.AfterFunc(s.caller, s.Ended)
	} else if !s.visit.Watch(s) {
		s.look()
	}
}

// Ended implements [ends.Watcher], and is called by the alarm: the caller's context
// has ended, or the limit has passed, if it was not replaced meanwhile.
func (s *scope) Ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
}

// setAlarm sets, moves or stops the alarm, if somebody waits. s.mu is held.
func (s *scope) setAlarm() {
	switch {
	case !s.attended:
	case s.at.IsZero():
		s.stopAlarm()
	case s.alarm == nil:
		s.alarm = s.alarms.set(s, time.Until(s.at))
	default:
		s.alarm.timer.Reset(time.Until(s.at))
	}
}

// stopAlarm stops the alarm if there is one. s.mu is held.
func (s *scope) stopAlarm() {
	if s.alarm != nil {
		s.alarms.stop(s.alarm)
		s.alarm = nil
	}
}

// look ends the scope if what ends it has come, and returns what it was. s.mu is
// held.
func (s *scope) look() ending {
	switch {
	case s.end != lasting:
	case s.caller.Err() != nil:
		s.finish(byCaller)
	case !s.at.IsZero() && time.Until(s.at) <= 0:
		s.finish(byLimit)
	}
	return s.end
}

// finish ends the scope once. s.mu is held.
func (s *scope) finish(how ending) {
	if s.end != lasting {
		return
	}
	s.end = how
	if how == byLimit {
		passed, pass := context.WithCancelCause(context.WithoutCancel(s.caller))
		pass(s.limit)
		s.passed = passed
	}
	s.stopAlarm()
	switch {
	case s.visit != nil:
		s.visit.Unwatch(s)
	case s.unfollow != nil:
		s.unfollow()
	}
	s.signal.End()
}
