package endpoint

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// pulse is how fast an endpoint answers at the moment: recent quantiles, and one
// smoothed figure to compare endpoints by. It is safe for concurrent use and
// takes no lock.
type pulse struct {
	firstToken, answer recentTimes
	smooth             smoothed
}

// FirstToken returns a quantile (0 to 1) of the times from the start of an
// attempt to a stream's first chunk, over the last half to whole minute. ok is
// false if there were fewer than [minSamples] of them.
func (e *Endpoint) FirstToken(quantile float64) (d time.Duration, ok bool) {
	return e.pulse.firstToken.quantile(quantile, time.Now())
}

// AnswerTime is like [Endpoint.FirstToken], of the times in which whole answers
// came.
func (e *Endpoint) AnswerTime(quantile float64) (d time.Duration, ok bool) {
	return e.pulse.answer.quantile(quantile, time.Now())
}

// Latency is the smoothed time to a stream's first chunk or to a whole answer.
// Failures count as at least [failurePenalty], since an endpoint that fails at
// once is not a fast one. Without attempts it falls, so that an endpoint that
// was slow is tried again. 0 means that nothing is known.
func (e *Endpoint) Latency() time.Duration { return e.pulse.smooth.at(time.Now()) }

// minSamples is the number of samples below which quantiles say nothing.
const minSamples = 20

// recentSpan is the length of one generation of samples.
const recentSpan = 30 * time.Second

// The buckets of recent times: eight parts of each power of two of microseconds,
// so that a bucket's end is at most 12.5 % above what falls into it. The last
// one begins above one hour.
const (
	pulseSplit   = 3
	pulseBuckets = (32-pulseSplit)<<pulseSplit + 1<<pulseSplit
)

// recentTimes counts times in two generations: the one that is being filled and
// the one before.
type recentTimes struct {
	number      atomic.Int64 // of the generation that is being filled, in spans since the epoch
	generations [2]struct {
		total   atomic.Uint32
		buckets [pulseBuckets]atomic.Uint32
	}
}

// add counts one time.
func (r *recentTimes) add(d time.Duration, now time.Time) {
	number := r.turn(now)
	g := &r.generations[number&1]
	g.buckets[pulseBucket(d)].Add(1)
	g.total.Add(1)
}

// turn begins a new generation if it is time, and forgets those that are over. A
// sample that is added at the very moment may be lost.
func (r *recentTimes) turn(now time.Time) int64 {
	number := now.UnixNano() / int64(recentSpan)
	last := r.number.Load()
	if number <= last || !r.number.CompareAndSwap(last, number) {
		return max(number, last)
	}
	for n := max(last+1, number-1); n <= number; n++ {
		g := &r.generations[n&1]
		for i := range g.buckets {
			g.buckets[i].Store(0)
		}
		g.total.Store(0)
	}
	return number
}

// quantile is the end of the bucket in which the quantile lies.
func (r *recentTimes) quantile(q float64, now time.Time) (time.Duration, bool) {
	r.turn(now)
	total := r.generations[0].total.Load() + r.generations[1].total.Load()
	if total < minSamples {
		return 0, false
	}
	rank := uint32(math.Ceil(min(max(q, 0), 1) * float64(total)))
	var seen uint32
	last := 0
	for i := range pulseBuckets {
		n := r.generations[0].buckets[i].Load() + r.generations[1].buckets[i].Load()
		if n > 0 {
			last = i
		}
		if seen += n; seen >= rank && n > 0 {
			break
		}
	}
	return pulseUpper(last), true
}

// pulseBucket is the index of the bucket for d.
func pulseBucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < 1<<pulseSplit {
		return int(us)
	}
	shift := bits.Len64(us) - 1 - pulseSplit
	return min(shift<<pulseSplit+int(us>>shift), pulseBuckets-1)
}

// pulseUpper is the end of bucket i.
func pulseUpper(i int) time.Duration {
	if i < 1<<pulseSplit {
		return time.Duration(i+1) * time.Microsecond
	}
	shift := i>>pulseSplit - 1
	return time.Duration(i-shift<<pulseSplit+1) << shift * time.Microsecond
}

const (
	// smoothSpan is the time in which a sample loses two thirds of its weight.
	smoothSpan = 10 * time.Second
	// failurePenalty is the least time that a failed attempt counts as.
	failurePenalty = 5 * time.Second
)

// smoothed is a moving average over time. A slower sample counts at once and in
// full, a faster one by the time since the last: it is better to shy away from
// an endpoint too early (the peak rule of Finagle's load balancer).
type smoothed struct {
	// state holds the value in microseconds in its upper half and the time of the
	// last sample, in milliseconds, in its lower one.
	state atomic.Uint64
}

// add takes a sample. Of two at the same moment one may be lost.
func (s *smoothed) add(d time.Duration, now time.Time) {
	old := s.state.Load()
	value, since := unpack(old, now)
	sample := float64(max(d.Microseconds(), 1))
	if sample < value {
		w := weight(since)
		sample = value*w + sample*(1-w)
	}
	s.state.CompareAndSwap(old, pack(sample, now))
}

// at is the value now: it halves about each seven seconds without samples.
func (s *smoothed) at(now time.Time) time.Duration {
	value, since := unpack(s.state.Load(), now)
	return time.Duration(value*weight(since)) * time.Microsecond
}

// weight is what is left of a sample's weight after so many seconds. For the short
// times between the samples of a busy endpoint a straight line is exact enough.
func weight(since float64) float64 {
	x := since / smoothSpan.Seconds()
	if x < 0.01 {
		return 1 - x
	}
	return math.Exp(-x)
}

func pack(us float64, now time.Time) uint64 {
	return uint64(min(us, math.MaxUint32))<<32 | uint64(uint32(now.UnixMilli()))
}

// unpack returns the value and the seconds since it was set. The clock's lower
// half goes round in 49 days, and differences go on to be right.
func unpack(state uint64, now time.Time) (value, since float64) {
	elapsed := int32(uint32(now.UnixMilli()) - uint32(state))
	return float64(state >> 32), max(float64(elapsed), 0) / 1000
}
