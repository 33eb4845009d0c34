package queue

import "time"

// maxSpareWaiters bounds the waiters that are kept to be used again, so that a
// queue in which requests come and go makes no garbage.
const maxSpareWaiters = 64

// newWaiter is one that was used before, or a new one. q.mu is held.
func (q *Queue) newWaiter() *waiter {
	w := q.spare
	if w == nil {
		return &waiter{done: make(chan struct{}, 1)}
	}
	q.spare, w.next = w.next, nil
	q.spares--
	return w
}

// keep takes a waiter whose slot has been given back, to be used again. Nobody
// knows it any more: it has been told, and has read what it got. nil is none.
// q.mu is held.
func (q *Queue) keep(w *waiter) {
	if w == nil || q.spares == maxSpareWaiters {
		return
	}
	*w = waiter{done: w.done, next: q.spare}
	q.spare = w
	q.spares++
}

// tell has w told that it is out of the queue. That waits for the end of the lock:
// to wake somebody takes longer than all else that is done under it. q.mu is held.
func (q *Queue) tell(w *waiter) {
	w.out = true
	w.next = nil
	if q.told.last == nil {
		q.told.first = w
	} else {
		q.told.last.next = w
	}
	q.told.last = w
}

// wake tells who is out. The waiters may be used for others from then on.
func wake(w *waiter) {
	for w != nil {
		next := w.next
		w.next = nil
		w.done <- struct{}{}
		w = next
	}
}

// until notes the end of a newcomer's time. One alarm serves all: most have as
// much time, so the first to come is the first to go. q.mu is held.
func (q *Queue) until(w *waiter, now time.Duration) {
	if w.End.IsZero() {
		return
	}
	end := q.now(w.End)
	if q.expiry == 0 || end < q.expiry {
		q.expiry = end
	}
	q.arm(end, now)
}

// expire lets go whose time is over, and has the alarm set for the next one. q.mu
// is held.
func (q *Queue) expire(now time.Duration) {
	if q.expiry == 0 {
		return
	}
	if q.expiry <= now {
		q.expiry = 0
		q.waiting.each(func(w *waiter) {
			if !w.End.IsZero() {
				q.expireOne(w, now)
			}
		})
	}
	if q.expiry != 0 {
		q.arm(q.expiry, now)
	}
}

// expireOne lets w go if its time is over, else notes when it is. q.mu is held.
func (q *Queue) expireOne(w *waiter, now time.Duration) {
	end := q.now(w.End)
	if end > now {
		if q.expiry == 0 || end < q.expiry {
			q.expiry = end
		}
		return
	}
	q.remove(w)
	q.tell(w)
	if q.pace.until[w.Model] > now && !w.Ungated {
		q.pace.until[w.Model] = now // the next one of its model may need less
	}
}
