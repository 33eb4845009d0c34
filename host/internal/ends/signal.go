package ends

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Watcher is told of an end. Ended is called once at most, in the goroutine that
// makes the end: it must be quick and wait for nobody who waits for that one.
type Watcher interface{ Ended() }

// Signal tells of an end that comes once. Its zero value lasts. It is safe for
// concurrent use and must not be copied.
type Signal struct {
	over atomic.Bool

	mu       sync.Mutex
	done     chan struct{} // nil until somebody asks for it
	watchers []Watcher
	room     [1]Watcher // most have one at a time
}

// Ended reports whether the end has come. The channel is closed by then.
func (s *Signal) Ended() bool {
	if !s.over.Load() {
		return false
	}
	s.mu.Lock() // End holds it until the channel is closed
	defer s.mu.Unlock()
	return true
}

// End is the end. It does nothing the second time.
func (s *Signal) End() {
	s.mu.Lock()
	if s.over.Load() {
		s.mu.Unlock()
		return
	}
	s.over.Store(true)
	if s.done != nil {
		close(s.done)
	}
	told := s.watchers
	s.watchers = nil
	s.mu.Unlock()
	for _, w := range told {
		w.Ended()
	}
}

// closed is what those wait for who come after the end.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done returns a channel that is closed at the end.
func (s *Signal) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = closed
		if !s.over.Load() {
			s.done = make(chan struct{})
		}
	}
	return s.done
}

// Watch has w told of the end. It reports false if that has come already: then w
// is not told.
func (s *Signal) Watch(w Watcher) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Load() {
		return false
	}
	if s.watchers == nil {
		s.watchers = s.room[:0]
	}
	s.watchers = append(s.watchers, w)
	return true
}

// Unwatch takes Watch back. It reports false if w was not watching any more: it
// was told, or will be in this moment.
func (s *Signal) Unwatch(w Watcher) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.watchers, w)
	if i < 0 {
		return false
	}
	s.watchers = slices.Delete(s.watchers, i, i+1)
	return true
}

// AfterFunc is what package context asks of a context so that others can hang on
// it without a goroutine each: f is called in one of its own after the end.
func (s *Signal) AfterFunc(f func()) (stop func() bool) {
	w := &afterFunc{f}
	if !s.Watch(w) {
		w.Ended()
	}
	return func() bool { return s.Unwatch(w) }
}

type afterFunc struct{ f func() }

func (a *afterFunc) Ended() { go a.f() }
