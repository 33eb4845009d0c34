package endpoint

import (
	"sync"
	"sync/atomic"
	"time"
)

// alarms are the timers of an endpoint's scopes. Those that did not go off are
// used again: most requests are answered long before their time is over.
type alarms struct{ spare sync.Pool }

// alarm is a timer that has a scope look at what ends it. One that rings when it
// should not any more does no harm.
type alarm struct {
	timer *time.Timer
	scope atomic.Pointer[scope]
}

// set returns an alarm that rings for s after d. A nil *alarms makes a new one.
func (p *alarms) set(s *scope, d time.Duration) *alarm {
	if p != nil {
		if a, ok := p.spare.Get().(*alarm); ok {
			a.scope.Store(s)
			a.timer.Reset(d)
			return a
		}
	}
	a := new(alarm)
	a.scope.Store(s)
	a.timer = time.AfterFunc(d, a.ring)
	return a
}

// stop ends an alarm that is not needed any more.
func (p *alarms) stop(a *alarm) {
	if a.timer.Stop() && p != nil { // else it is ringing
		a.scope.Store(nil)
		p.spare.Put(a)
	}
}

func (a *alarm) ring() {
	if s := a.scope.Load(); s != nil {
		s.Ended()
	}
}
