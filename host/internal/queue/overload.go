package queue

import (
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// alarm is the queue's timer for what is due without anybody coming or going: a
// wait that is to be cut or whose time is over, a model whose pace lets the next request go.
type alarm struct {
	timer *time.Timer
	due   time.Duration // 0 if nothing is
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.due = 0
}

// arm has the queue look again at the time due, or before. q.mu is held.
func (q *Queue) arm(due, now time.Duration) {
	a := &q.alarm
	if a.due != 0 && a.due <= due {
		return
	}
	a.due = due
	if a.timer == nil {
		a.timer = time.AfterFunc(due-now, q.ring)
		return
	}
	a.timer.Reset(due - now)
}

func (q *Queue) ring() {
	now := q.now(time.Time{})
	q.lock()
	defer q.unlock()
	q.check(now)
}

// check does what is due. The timer may be late on a busy machine, so whoever
// comes or goes does it first. q.mu is held.
func (q *Queue) check(now time.Duration) {
	if q.alarm.due != 0 && q.alarm.due <= now && !q.closed {
		q.look(now)
	}
}

// look ends the waits that are too long, serves who may go, and sets the alarm
// for the next time. q.mu is held.
func (q *Queue) look(now time.Duration) {
	q.alarm.due = 0
	q.expire(now)
	if q.waiting.len == 0 {
		clear(q.pace.until)
		return
	}
	q.cut(now)
	for _, until := range q.pace.until {
		if until > now {
			q.arm(until, now)
		}
	}
	q.serve(now)
}

// patience returns the wait that a standing queue allows and the time after which
// a queue that has not been empty is standing; 0 if waits are not cut. The rule
// is that of B. Maurer, "Fail at Scale" (ACM Queue 13.8, 2015), after CoDel
// (Nichols and Jacobson, 2012): with waits bounded by time, those who are served
// still have the time to use the answer.
//
// An automatic target is the median time for which slots are taken, since a
// shorter one would leave slots empty, or a tenth of the timeout if that is more;
// but at most half of the timeout, as the rest is needed for the service.
func (q *Queue) patience(now time.Duration) (target, interval time.Duration) {
	if q.limits.Unbounded || q.limits.Overload != config.OverloadCoDel {
		return 0, 0
	}
	target, interval = q.limits.Target, q.limits.Interval
	if timeout := q.limits.Timeout; target == 0 {
		target = max(q.times.held(now), timeout/10)
		if timeout > 0 {
			target = min(target, timeout/2)
		}
	}
	if interval == 0 {
		interval = 5 * target
	}
	return target, interval
}

// watch has the wait of a newcomer cut in time. q.mu is held.
func (q *Queue) watch(w *waiter, now time.Duration) {
	if target, interval := q.patience(now); target > 0 && q.gate.open() && !w.Retry {
		q.arm(max(w.since+target, q.standing(w.tenant)+interval), now)
	}
}

// standing is since when a tenant's queue has been standing.
func (q *Queue) standing(t *tenant) time.Duration { return max(t.since, q.resumed) }

// cut refuses those who have waited longer than a standing queue allows, and arms
// the alarm for the next ones. q.mu is held.
func (q *Queue) cut(now time.Duration) {
	target, interval := q.patience(now)
	if target <= 0 || !q.gate.open() {
		return
	}
	q.waiting.eachTenant(func(t *tenant) {
		standing := q.standing(t) + interval
		var err *provider.Error // one for all
		for w := t.first; w != nil; {
			next := w.next
			due := max(w.since+target, q.resumed+target, q.pace.until[w.Model]+target, standing)
			switch {
			case w.Retry:
			case due <= now:
				if err == nil {
					err = q.overloaded(t, target, now)
				}
				q.counts.overload++
				q.fail(w, err)
			default:
				q.arm(due, now)
				if len(q.pace.until) == 0 {
					return // those behind it came later
				}
			}
			w = next
		}
	})
}

// overloaded is the refusal of who has waited too long in a standing queue.
func (q *Queue) overloaded(t *tenant, target, now time.Duration) *provider.Error {
	return q.refusal(q.advice(t.len, now), fmt.Sprintf(
		"has been overloaded for %s, waits are cut to %s: %s",
		text(now-q.standing(t)), text(target), waits(t.len)))
}
