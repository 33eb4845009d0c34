package queue

import (
	"slices"
	"sync/atomic"
	"time"
)

// times are how long slots were taken lately, and how long until the service
// began to answer. Adding takes no lock; medians are asked for under the queue's.
type times struct {
	next    atomic.Int64 // when the next pair is taken
	count   atomic.Uint64
	helds   sample
	answers sample
}

// timesPause is the least time between two pairs that are kept: who is served a
// thousand times a second need not look at each.
const timesPause = time.Millisecond

// add notes one slot's times.
func (t *times) add(held, answer, now time.Duration) {
	next := t.next.Load()
	if int64(now) < next || !t.next.CompareAndSwap(next, int64(now+timesPause)) {
		return
	}
	i := t.count.Load()
	t.helds.set(i, held)
	t.answers.set(i, answer)
	t.count.Add(1)
}

// held is the median time for which slots were taken, answer that until the
// service began to answer; 0 if nothing is known.
func (t *times) held(now time.Duration) time.Duration { return t.helds.median(t.count.Load(), now) }

func (t *times) answer(now time.Duration) time.Duration {
	return t.answers.median(t.count.Load(), now)
}

// sample keeps the latest durations of something, for their median.
type sample struct {
	ring [64]atomic.Int64

	// Guarded by the queue's lock.
	middle time.Duration
	sorted uint64        // count when middle was found
	at     time.Duration // when it was
}

// sortPause is how long a median is used before it is looked for anew.
const sortPause = 100 * time.Millisecond

func (s *sample) set(i uint64, d time.Duration) { s.ring[i%uint64(len(s.ring))].Store(int64(d)) }

// median is that of the kept durations, as it was a moment ago; 0 if there are none.
func (s *sample) median(count uint64, now time.Duration) time.Duration {
	if count == s.sorted || (s.sorted != 0 && now-s.at < sortPause) {
		return s.middle
	}
	var sorted [len(s.ring)]int64
	n := min(count, uint64(len(sorted)))
	for i := range n {
		sorted[i] = s.ring[i].Load()
	}
	slices.Sort(sorted[:n])
	s.middle, s.sorted, s.at = time.Duration(sorted[n/2]), count, now
	return s.middle
}
