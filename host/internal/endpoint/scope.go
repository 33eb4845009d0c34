package endpoint

import (
	"context"
	"sync"
	"time"
)

// scope is the context of one attempt: of the wait for its slot, of the call, and
// of an answer that goes on after it. It ends with the caller's context, when its
// time limit passes, or when the attempt is over.
//
// A scope costs next to nothing until somebody wants to be told of its end: only
// then is it linked to the caller's context, and its timer started. Contexts that
// are derived from it take no goroutine, since [context] finds its AfterFunc.
//
// It is safe for concurrent use.
type scope struct {
	caller context.Context

	mu    sync.Mutex
	err   error // as [context.Context.Err]; nil until the end
	cause error // as [context.Cause]

	// passed is the limit that has ended the scope, nil if it was something else.
	passed *limit

	limit *limit    // what ends the scope at the moment at
	at    time.Time // zero for no limit
	watch *watch    // nil as long as nobody waits for the end
}

// watch is what it takes to tell of a scope's end.
type watch struct {
	check  func() // the scope's over, made once
	timer  *time.Timer
	unlink func() bool // from the caller's context; nil if that never ends
	done   chan struct{}
	told   *listener // first of those who wait
	first  listener  // room for one of them
}

// listener is a function to be called at the end of a scope.
type listener struct {
	scope *scope
	f     func()
	next  *listener
}

// begin makes a scope that the limit ends at the given moment; zero is no limit.
func (s *scope) begin(caller context.Context, l *limit, at time.Time) {
	s.caller, s.limit, s.at = caller, l, at
}

// arm replaces the limit.
func (s *scope) arm(l *limit, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.at = l, at
	if s.watch != nil && s.err == nil {
		s.setTimer()
	}
}

// lift takes the limit away, unless it has just passed: then it reports false.
func (s *scope) lift() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.look(); s.err != nil {
		return false
	}
	s.at = time.Time{}
	if s.watch != nil {
		s.setTimer()
	}
	return true
}

// end ends the scope because the attempt is over.
func (s *scope) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(context.Canceled, context.Canceled)
}

// whole reports whether the scope has ended because the whole request has, and
// not only this attempt.
func (s *scope) whole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	return s.err != nil && (s.passed == nil || s.passed.whole)
}

// pass ends the scope as if the limit were its own.
func (s *scope) pass(l *limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(l)
}

// why returns what ended the scope: a limit, or another cause. Both are nil if it
// has not ended.
func (s *scope) why() (*limit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	return s.passed, s.cause
}

// Deadline is the caller's: the scope's own limit can be lifted.
func (s *scope) Deadline() (time.Time, bool) { return s.caller.Deadline() }

// Value is the caller's.
func (s *scope) Value(key any) any { return s.caller.Value(key) }

// Err implements [context.Context].
func (s *scope) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	return s.err
}

// Done implements [context.Context].
func (s *scope) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start(); s.err != nil && (s.watch == nil || s.watch.done == nil) {
		return ended
	}
	if s.watch.done == nil {
		s.watch.done = make(chan struct{})
	}
	return s.watch.done
}

// ended is the channel of scopes that have ended before anybody asked.
var ended = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// AfterFunc calls f in its own goroutine once the scope has ended, like
// [context.AfterFunc], which uses it.
func (s *scope) AfterFunc(f func()) (stop func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start(); s.err != nil {
		go f()
		return func() bool { return false }
	}
	l := &s.watch.first
	if l.f != nil {
		l = new(listener)
	}
	l.scope, l.f, l.next = s, f, s.watch.told
	s.watch.told = l
	return l.stop
}

// stop makes sure that f is not called; it reports false if it was, or if it was
// stopped before.
func (l *listener) stop() bool {
	l.scope.mu.Lock()
	defer l.scope.mu.Unlock()
	for at := &l.scope.watch.told; *at != nil; at = &(*at).next {
		if *at == l {
			*at = l.next
			return true
		}
	}
	return false
}

// start begins to watch for what ends the scope. s.mu is held.
func (s *scope) start() {
	if s.look(); s.err != nil || s.watch != nil {
		return
	}
	w := &watch{check: s.over}
	s.watch = w
	if s.caller.Done() != nil {
		w.unlink = context.AfterFunc(s.caller, w.check)
	}
	s.setTimer()
}

// setTimer starts, moves or stops the timer. s.mu is held.
func (s *scope) setTimer() {
	w := s.watch
	switch {
	case s.at.IsZero():
		if w.timer != nil {
			w.timer.Stop()
		}
	case w.timer == nil:
		w.timer = time.AfterFunc(time.Until(s.at), w.check)
	default:
		w.timer.Reset(time.Until(s.at))
	}
}

// over is called when the caller's context has ended, and by the timer. The limit
// may have been replaced meanwhile.
func (s *scope) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
}

// look ends the scope if what ends it has come. s.mu is held.
func (s *scope) look() {
	if s.err != nil {
		return
	}
	if err := s.caller.Err(); err != nil {
		s.finish(err, context.Cause(s.caller))
		return
	}
	if !s.at.IsZero() && time.Until(s.at) <= 0 {
		s.expire(s.limit)
	}
}

// expire ends the scope by a limit. s.mu is held.
func (s *scope) expire(l *limit) {
	if s.err == nil {
		s.passed = l
		s.finish(context.Canceled, l)
	}
}

// finish ends the scope once. s.mu is held.
func (s *scope) finish(err, cause error) {
	if s.err != nil {
		return
	}
	s.err, s.cause = err, cause
	w := s.watch
	if w == nil {
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.unlink != nil {
		w.unlink()
	}
	if w.done != nil {
		close(w.done)
	}
	for l := w.told; l != nil; l = l.next {
		go l.f()
	}
	w.told = nil
}
