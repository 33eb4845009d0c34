package queue

import "time"

// flow measures how fast the queue moves: the time between two grants while
// requests wait for a slot, as a moving average. Who waits for a pace though one is
// free does not count: how fast those go is up to the pacer.
type flow struct {
	mean time.Duration // 0 if it is not known
	last time.Duration // latest grant with others still waiting, 0 if there is none
	seen time.Duration // when mean was measured
}

const (
	// flowWeight is the weight of one more gap in the average, as a divisor.
	flowWeight = 16
	// flowMemory is how long a measure is good for if nobody waits meanwhile.
	flowMemory = time.Minute
)

// served notes that n waiters were served at the time now; more tells whether
// others still wait.
func (f *flow) served(now time.Duration, n int, more bool) {
	if n > 0 && f.last != 0 {
		gap := (now - f.last) / time.Duration(n)
		for range min(n, flowWeight) {
			f.mean = f.with(gap)
		}
		f.seen = now
	}
	switch {
	case !more:
		f.last = 0
	case n > 0:
		f.last = now
	}
}

// with is the average with one more gap.
func (f *flow) with(gap time.Duration) time.Duration {
	if f.mean == 0 {
		return gap
	}
	return f.mean + (gap-f.mean)/flowWeight
}

// pause leaves the time until the next grant out.
func (f *flow) pause() { f.last = 0 }

// scale follows a change of the limit: so many more slots come free in a time.
func (f *flow) scale(before, after int) {
	f.pause()
	if before > 0 && after > 0 {
		f.mean = time.Duration(float64(f.mean) * float64(before) / float64(after))
	}
}

// gap is the expected time between two grants, 0 if it is not known. A gap that
// is longer than the average already and has not ended counts as well.
func (f *flow) gap(now time.Duration) time.Duration {
	if f.last == 0 && now-f.seen > flowMemory {
		return 0
	}
	if f.last != 0 && now-f.last > f.mean {
		return f.with(now - f.last)
	}
	return f.mean
}
