package stats

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// A histogram's buckets split each power of two into eight equal parts, so that
// a bucket's upper bound is at most 12.5 % above any value in it. The last
// bucket ends above one hour; what is longer counts as that.
const (
	splitBits  = 3
	split      = 1 << splitBits
	maxBits    = 42 // 2^42 ns is 73 minutes
	numBuckets = (maxBits-splitBits)*split + split
)

// histogram counts durations in buckets of growing width. Its memory is fixed,
// and adding is two or three atomic operations.
type histogram struct {
	buckets [numBuckets]atomic.Uint64
	sum     atomic.Int64
	max     atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	n := max(int64(d), 0)
	h.buckets[bucket(n)].Add(1)
	h.sum.Add(n)
	for {
		old := h.max.Load()
		if n <= old || h.max.CompareAndSwap(old, n) {
			return
		}
	}
}

// bucket is the index for a duration of n nanoseconds.
func bucket(n int64) int {
	if n < split {
		return int(n)
	}
	shift := bits.Len64(uint64(n)) - 1 - splitBits
	return min(shift*split+int(n>>shift), numBuckets-1)
}

// upper is the largest duration that falls into bucket i, in nanoseconds.
func upper(i int) int64 {
	if i < split {
		return int64(i)
	}
	shift := i/split - 1
	return int64(i-shift*split+1)<<shift - 1
}

// quantiles sums the histogram up. Values that are added meanwhile may be in
// some of the figures only.
func (h *histogram) quantiles() status.Quantiles {
	var counts [numBuckets]uint64
	var q status.Quantiles
	for i := range h.buckets {
		counts[i] = h.buckets[i].Load()
		q.Count += counts[i]
	}
	if q.Count == 0 {
		return q
	}
	longest := h.max.Load()
	q.Mean = seconds(h.sum.Load()) / float64(q.Count)
	q.Max = seconds(longest)
	q.P50 = quantile(&counts, q.Count, 0.5, longest)
	q.P90 = quantile(&counts, q.Count, 0.9, longest)
	q.P99 = quantile(&counts, q.Count, 0.99, longest)
	return q
}

func quantile(counts *[numBuckets]uint64, total uint64, p float64, longest int64) float64 {
	rank := uint64(math.Ceil(p * float64(total)))
	var seen uint64
	for i, n := range counts {
		seen += n
		if seen >= rank && n > 0 && i < numBuckets-1 {
			return seconds(min(upper(i), longest))
		}
	}
	return seconds(longest)
}

func seconds(ns int64) float64 { return float64(ns) / float64(time.Second) }
