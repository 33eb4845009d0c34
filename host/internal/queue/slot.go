package queue

import "time"

// Slot is the right to run one attempt. The zero Slot is none.
type Slot struct {
	// Waited is true if the slot was not granted at once.
	Waited bool
	// Paced is true if the pacer let the request go, and has booked it.
	Paced bool

	q        *Queue
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
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.q.passTrial(s.trial)
}

// Release gives the slot back. It must be called exactly once.
func (s *Slot) Release() { s.ReleaseAt(time.Time{}) }

// ReleaseAt is [Slot.Release] for a caller that has just read the clock.
func (s *Slot) ReleaseAt(at time.Time) {
	now := s.q.now(at)
	s.q.mu.Lock()
	s.q.release(s, now)
	s.q.mu.Unlock()
}

// CancelAt gives back a slot with which nothing was sent, in place of Release: its
// booking with the pacer as well, and it counts for no time. t is what it was
// granted for.
func (s *Slot) CancelAt(t *Ticket, at time.Time) {
	now := s.q.now(at)
	s.q.mu.Lock()
	s.q.cancel(s, t, now)
	s.q.mu.Unlock()
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

// release gives a slot back that was used. q.mu is held.
func (q *Queue) release(s *Slot, now time.Duration) {
	q.note(s, now)
	q.vacate(s, now)
}

// vacate gives a slot back and serves who waits for it. q.mu is held.
func (q *Queue) vacate(s *Slot, now time.Duration) {
	if q.inFlight == 0 {
		panic("queue: slot released twice")
	}
	wasFree := q.free()
	q.inFlight--
	q.running.Store(int64(q.inFlight))
	if s.trial != 0 {
		q.dropTrial(s.trial)
	}
	// Where slots were free before, those who wait do so for something else.
	if q.waiting.len > 0 && (!wasFree || s.trial != 0) {
		q.check(now)
		q.serve(now)
	}
}

// note remembers how long the slot was taken.
func (q *Queue) note(s *Slot, now time.Duration) {
	held := now - s.since
	q.held.add(held)
	if s.answered != 0 {
		held = s.answered - s.since
	}
	q.answers.add(held)
}
