package queue

import "sync/atomic"

// word counts the slots that are taken, together with what decides whether a
// request may take or give back one without the queue's lock. One atomic word
// holds it all, so that no decision is made on half of a change.
//
// While the queue is calm, requests count themselves by compare-and-swap. Who
// holds the lock makes the word theirs first ([Queue.lock]): from then on nobody
// else changes it, and whoever comes takes the lock. It is given free again if
// nobody waits and nothing is to be asked about those who come
// ([Queue.unlock]). So nobody can take a slot past somebody who waits, and no
// slot can come free without its being handed on.
type word struct{ state atomic.Uint64 }

// The parts of the word: the flag of an owner, the limit, the slots taken.
const (
	owned      = 1 << 63
	countBits  = 31
	countMask  = 1<<countBits - 1
	limitShift = countBits
	noLimit    = countMask
)

// own keeps others from changing the word. The queue's lock is held.
func (w *word) own() { w.state.Or(owned) }

// disown lets others change the word. The queue's lock is held.
func (w *word) disown() { w.state.And(^uint64(owned)) }

// setLimit sets the number of slots; 0 or less means no limit. The caller owns
// the word.
func (w *word) setLimit(n int) {
	limit := uint64(noLimit)
	if n > 0 && n < noLimit {
		limit = uint64(n)
	}
	w.state.Store(w.state.Load()&^(noLimit<<limitShift) | limit<<limitShift)
}

// add counts a slot taken, or given back with -1. The caller owns the word.
func (w *word) add(n int) { w.state.Add(uint64(n)) }

// taken is the number of slots that are taken.
func (w *word) taken() int { return int(w.state.Load() & countMask) }

// free reports whether a slot is left.
func (w *word) free() bool { return hasFree(w.state.Load()) }

func hasFree(state uint64) bool { return state&countMask < state>>limitShift&noLimit }

// take takes a slot if the queue is calm and one is free. n is the number of
// slots that are taken now, 0 if it could not.
func (w *word) take() (n int) {
	for {
		old := w.state.Load()
		if old&owned != 0 || !hasFree(old) {
			return 0
		}
		if w.state.CompareAndSwap(old, old+1) {
			return int(old&countMask) + 1
		}
	}
}

// give gives a slot back if the queue is calm; else it reports false. A slot that
// was a trial or paced is no exception: the gate has opened, or the pacer has gone,
// since.
func (w *word) give() bool {
	for {
		old := w.state.Load()
		switch {
		case old&owned != 0:
			return false
		case old&countMask == 0:
			panic(errTwice)
		}
		if w.state.CompareAndSwap(old, old-1) {
			return true
		}
	}
}

const errTwice = "queue: slot released twice"

// lock takes the queue's lock and owns its word.
func (q *Queue) lock() {
	q.mu.Lock()
	q.slots.own()
}

// unlock gives the lock back, and the word if the queue is calm: whoever comes
// could have a slot at once. Then it tells who has left the queue.
func (q *Queue) unlock() {
	if q.waiting.len == 0 && q.gate.open() && q.pace.pacer == nil && !q.closed {
		q.slots.disown()
	}
	told := q.told.first
	q.told = list{}
	q.mu.Unlock()
	wake(told)
}
