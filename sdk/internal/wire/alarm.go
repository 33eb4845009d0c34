package wire

import (
	"sync"
	"sync/atomic"
	"time"
)

// alarms has the timers of attempts, which are used again.
type alarms struct{ spare sync.Pool }

// alarm tells one attempt after another that its time is up.
type alarm struct {
	home    *alarms
	timer   *time.Timer
	attempt atomic.Pointer[attempt]
}

// set has a told of its limit unless the alarm is stopped before.
func (s *alarms) set(a *attempt) *alarm {
	if l, ok := s.spare.Get().(*alarm); ok {
		l.attempt.Store(a)
		l.timer.Reset(a.limit)
		return l
	}
	l := &alarm{home: s}
	l.attempt.Store(a)
	l.timer = time.AfterFunc(a.limit, l.ring)
	return l
}

func (l *alarm) ring() { l.attempt.Load().expire() }

// stop must be called once at most. An alarm that rings is not used again.
func (l *alarm) stop() {
	if l.timer.Stop() {
		l.attempt.Store(nil)
		l.home.spare.Put(l)
	}
}
