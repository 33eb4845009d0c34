package circuit

import "time"

// buckets is the number of parts of the window; with the default window of 60 s
// each covers one second.
const buckets = 60

// window counts outcomes of the last span of time. Counts leave it bucket by
// bucket, so that its span varies by one bucket. Times are given as durations
// since one fixed moment and never go back.
type window struct {
	width   time.Duration // of one bucket
	current int64         // number of the bucket that is filled now, since the fixed moment
	ring    [buckets]count
	sum     count
}

type count struct{ failures, total int }

func newWindow(span time.Duration) window {
	return window{width: max(span/buckets, 1)}
}

// add counts one outcome at the given time.
func (w *window) add(now time.Duration, failed bool) {
	w.advance(now)
	b := &w.ring[w.current%buckets]
	b.total++
	w.sum.total++
	if failed {
		b.failures++
		w.sum.failures++
	}
}

// addGood counts n successes of the latest bucket.
func (w *window) addGood(n int) {
	w.ring[w.current%buckets].total += n
	w.sum.total += n
}

// at returns the counts of the span that ends at the given time.
func (w *window) at(now time.Duration) count {
	w.advance(now)
	return w.sum
}

// advance drops the buckets that have left the span.
func (w *window) advance(now time.Duration) {
	number := int64(now / w.width)
	if number <= w.current {
		return
	}
	for i := max(w.current+1, number-buckets+1); i <= number; i++ {
		b := &w.ring[i%buckets]
		w.sum.failures -= b.failures
		w.sum.total -= b.total
		*b = count{}
	}
	w.current = number
}

// reset forgets all counts.
func (w *window) reset() {
	w.ring = [buckets]count{}
	w.sum = count{}
}
