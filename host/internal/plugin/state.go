package plugin

import (
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// state is where a provider stands, for the operator and for waiting calls:
//
//	stopped ──Start──▶ starting ──▶ ready ──crash──▶ backoff ──▶ starting …
//	   │                │   │ ▲      │  ▲               │
//	 lazy        failed start  │      │  └─change────────┤ too many crashes
//	   ▼                │   │ │      ▼                  ▼
//	  idle ◀──no call───┼───┼─┼──── ready         quarantined ──▶ starting …
//	   └───────call─────┼───┼─┘
//	                    ▼   └▶ backoff
//	                  failed: cannot ever work; a change can mend it
//	any ──Shutdown──▶ stopped
//
// A change keeps a provider that is ready in that state, with two generations for
// a while. Only the supervisor changes the state, and Shutdown once. It is safe for
// concurrent use.
type state struct {
	mu      sync.Mutex
	now     situation
	changed chan struct{} // closed at the next change
	closed  bool
}

// situation is one consistent view of a state.
type situation struct {
	name   status.ProviderState
	reason string
	since  time.Time
	// next is when the next process starts, while in backoff.
	next time.Time
	// generation counts processes started; restarts those after a crash.
	generation, restarts uint64
	lastExit             string
	// failing is true from a failed start until a process is ready.
	failing bool
}

func newState() *state {
	return &state{
		now:     situation{name: status.ProviderStopped, reason: "not started yet", since: time.Now()},
		changed: make(chan struct{}),
	}
}

// get returns the situation and a channel that is closed when it changes.
func (s *state) get() (situation, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.changed
}

// set enters a state and wakes the calls that wait for a change. After close it
// does nothing.
func (s *state) set(name status.ProviderState, reason string, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.enter(name, reason, next)
	}
}

// close enters the state stopped for good.
func (s *state) close(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.enter(status.ProviderStopped, reason, time.Time{})
}

func (s *state) enter(name status.ProviderState, reason string, next time.Time) {
	s.now.name, s.now.reason, s.now.since, s.now.next = name, reason, time.Now(), next
	close(s.changed)
	s.changed = make(chan struct{})
}

// countStart numbers a new process.
func (s *state) countStart(again bool) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.generation++
	if again {
		s.now.restarts++
	}
	return s.now.generation
}

// setFailing records whether the latest start failed.
func (s *state) setFailing(failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.failing = failing
}

// setExit records how the latest process ended.
func (s *state) setExit(exit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.lastExit = exit
}
