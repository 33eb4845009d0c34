package queue

import "time"

// admits reports whether an arriving request gets a slot without waiting, and
// books its pace if so. It overtakes nobody: as long as a slot is free, all who
// wait are kept by gate or pace. q.mu is held.
func (q *Queue) admits(t *Ticket, now time.Duration) bool {
	if !q.slots.free() || q.closed || (t.NoWait && !t.Ungated && !q.gate.open()) {
		return false
	}
	return q.may(t, now)
}

// may reports whether gate and pacer let t through now, and books its pace if
// so. q.mu is held.
func (q *Queue) may(t *Ticket, now time.Duration) bool {
	return t.Ungated || (q.gate.admits() && (q.pace.pacer == nil || q.paced(t, now)))
}

// serve grants slots to waiters as long as there are slots. q.mu is held.
func (q *Queue) serve(now time.Duration) {
	served := 0
	for q.waiting.len > 0 && q.slots.free() {
		w := q.next(now)
		if w == nil {
			break
		}
		q.waiting.serve(w)
		w.slot = q.grant(&w.Ticket, now)
		w.slot.Waited, w.slot.waiter = true, w
		q.tell(w)
		served++
	}
	q.flow.served(now, served, q.waiting.len > 0 && !q.slots.free())
}

// next is the waiter whose turn it is of those that may have a slot now, nil if
// there is none. q.mu is held.
func (q *Queue) next(now time.Duration) *waiter {
	if !q.gate.admits() && q.waiting.ungated == 0 {
		return nil
	}
	may := func(w *waiter) bool { return q.may(&w.Ticket, now) }
	for i := range q.waiting.classes {
		if c := &q.waiting.classes[i]; c.starving() {
			if w := c.next(may); w != nil {
				return w
			}
		}
	}
	for i := range q.waiting.classes {
		if w := q.waiting.classes[i].next(may); w != nil {
			return w
		}
	}
	return nil
}

// grant takes a slot for t. q.mu is held.
func (q *Queue) grant(t *Ticket, now time.Duration) Slot {
	q.slots.add(1)
	if q.granted != nil {
		q.granted(*t, q.slots.taken())
	}
	slot := Slot{q: q, since: now, Paced: !t.Ungated && q.pace.pacer != nil}
	if !t.Ungated && !q.gate.open() {
		slot.trial = q.beginTrial()
	}
	return slot
}
