package queue

import "time"

// Slot is the right to run one attempt. The zero Slot is none.
type Slot struct {
	// Waited is true if the slot was not granted at once.
	Waited bool
	// Paced is true if the pacer let the request go, and has booked it.
	Paced bool

	q        *Queue
	waiter   *waiter       // that waited for it, nil if none did; to be used again
	trial    uint64        // number of the gate's trial that the slot is, 0 if it is none
	since    time.Duration // when it was granted
	answered time.Duration // when the service had begun to answer, 0 before
}

// Passed tells the queue that the service answered and did not ask to be left
// alone, which opens the gate if this slot was its trial. Call it before
// Release, as soon as it is known; later calls change nothing.
func (s *Slot) Passed() { s.PassedAt(time.Time{}) }

// PassedAt is [Slot.Passed] for a caller that has just read the clock.
func (s *Slot) PassedAt(at time.Time) {
	if s.answered == 0 {
		s.answered = s.q.now(at)
	}
	if s.trial == 0 {
		return
	}
	s.q.lock()
	defer s.q.unlock()
	s.q.passTrial(s.trial)
}

// Release gives the slot back. It must be called exactly once.
func (s *Slot) Release() { s.ReleaseAt(time.Time{}) }

// ReleaseAt is [Slot.Release] for a caller that has just read the clock.
func (s *Slot) ReleaseAt(at time.Time) {
	now := s.q.now(at)
	s.q.note(s, now)
	if s.q.slots.give() {
		return
	}
	s.q.lock()
	s.q.vacate(s, now)
	s.q.unlock()
}

// CancelAt gives back a slot with which nothing was sent, in place of Release: its
// booking with the pacer as well, and it counts for no time. t is what it was
// granted for.
func (s *Slot) CancelAt(t *Ticket, at time.Time) {
	if s.q.slots.give() {
		return
	}
	now := s.q.now(at)
	s.q.lock()
	s.q.cancel(s, t, now)
	s.q.unlock()
}

// cancel is CancelAt. q.mu is held.
func (q *Queue) cancel(s *Slot, t *Ticket, now time.Duration) {
	if s.Paced && q.pace.pacer != nil {
		q.pace.pacer.Return(q.born.Add(now), t.Model, t.Tokens)
	}
	q.vacate(s, now)
	if s.Paced && q.waiting.len > 0 {
		q.askAgain(now)
	}
}

// vacate gives a slot back and serves who waits for it. q.mu is held.
func (q *Queue) vacate(s *Slot, now time.Duration) {
	if q.slots.taken() == 0 {
		panic(errTwice)
	}
	wasFree := q.slots.free()
	q.slots.add(-1)
	q.keep(s.waiter)
	if s.trial != 0 {
		q.dropTrial(s.trial)
	}
	// Where slots were free before, those who wait do so for something else.
	if q.waiting.len > 0 && (!wasFree || s.trial != 0) {
		q.check(now)
		q.serve(now)
	}
}

// note remembers how long the slot was taken. It needs no lock.
func (q *Queue) note(s *Slot, now time.Duration) {
	held := now - s.since
	answer := held
	if s.answered != 0 {
		answer = s.answered - s.since
	}
	q.times.add(held, answer, now)
}
