package queue

import (
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// waiter is one request in the queue. Its slot or err may be read once done has
// said so; with neither, its time was over.
type waiter struct {
	Ticket
	slot Slot
	err  *provider.Error
	done chan struct{} // one message, that it is out
	out  bool          // of the queue, by another's doing

	since      time.Duration // when it came
	tenant     *tenant
	prev, next *waiter
}

// list holds waiters in the order of their sequence numbers. The zero list is
// empty.
type list struct {
	first, last *waiter
	len         int
	bytes       int64
}

// insert puts w at its place. New arrivals have the highest number and go to
// the end; retries have low ones, so their place is looked for from the front.
func (l *list) insert(w *waiter) {
	l.len++
	l.bytes += w.Bytes
	if l.last == nil || l.last.Seq <= w.Seq {
		l.link(w, l.last, nil)
		return
	}
	next := l.first
	for next.Seq <= w.Seq {
		next = next.next
	}
	l.link(w, next.prev, next)
}

func (l *list) link(w, prev, next *waiter) {
	w.prev, w.next = prev, next
	if prev == nil {
		l.first = w
	} else {
		prev.next = w
	}
	if next == nil {
		l.last = w
	} else {
		next.prev = w
	}
}

// remove takes w out; it must be in the list.
func (l *list) remove(w *waiter) {
	l.len--
	l.bytes -= w.Bytes
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}
