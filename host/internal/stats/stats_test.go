package stats

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func snapshot(r *Recorder) status.Stats {
	var s status.Stats
	r.Snapshot(&s)
	return s
}

func TestABucketHoldsItsValueAndIsNarrow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Int64Range(0, 1<<maxBits-1).Draw(rt, "ns")
		i := bucket(n)
		if up := upper(i); up < n || float64(up) > 1.2*float64(n) {
			rt.Fatalf("%d falls into bucket %d, which ends at %d", n, i, up)
		}
		if i > 0 && upper(i-1) >= n {
			rt.Fatalf("%d falls into bucket %d, but the one before ends at %d", n, i, upper(i-1))
		}
	})
}

func TestQuantilesAreAtMostAFifthAboveTheTruth(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var all []float64
	for range 20_000 {
		d := time.Duration(rnd.ExpFloat64() * float64(800*time.Millisecond))
		h.add(d)
		all = append(all, d.Seconds())
	}
	slices.Sort(all)
	q := h.quantiles()
	for name, pair := range map[string][2]float64{
		"p50": {q.P50, all[9999]}, "p90": {q.P90, all[17999]}, "p99": {q.P99, all[19799]}, "max": {q.Max, all[19999]},
	} {
		if got, want := pair[0], pair[1]; got < want || got > 1.2*want {
			t.Errorf("%s = %v, want %v to %v", name, got, want, 1.2*want)
		}
	}
	if q.Count != 20_000 || q.Mean < 0.75 || q.Mean > 0.85 {
		t.Errorf("count %d, mean %v", q.Count, q.Mean)
	}
}

func TestExtremeDurationsAreCounted(t *testing.T) {
	t.Parallel()
	var h histogram
	if q := h.quantiles(); q != (status.Quantiles{}) {
		t.Errorf("an empty histogram says %+v", q)
	}
	h.add(-time.Second)
	h.add(0)
	h.add(300 * time.Hour)
	q := h.quantiles()
	if q.Count != 3 || q.P50 != 0 || q.P99 != (300*time.Hour).Seconds() || q.Max != q.P99 {
		t.Errorf("%+v", q)
	}
}

func TestEveryCodeIsCountedUnderItsName(t *testing.T) {
	t.Parallel()
	r := New(false)
	for i, code := range codes {
		for range i + 1 {
			r.Begin(time.Now()).End(Result{Code: code})
		}
	}
	r.Begin(time.Now()).End(Result{Code: "made up"})
	s := snapshot(r)
	var errors uint64
	for i, code := range codes {
		want := uint64(i + 1)
		switch code {
		case provider.CodeCanceled:
			if s.Canceled != want || s.ErrorsByCode[code] != 0 {
				t.Errorf("canceled %d and %d, want %d and 0", s.Canceled, s.ErrorsByCode[code], want)
			}
			continue
		case provider.CodeInternal:
			want++ // the unknown code
		}
		errors += want
		if got := s.ErrorsByCode[code]; got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
	if s.Errors != errors || s.Requests != s.Errors+s.Canceled || s.Success != 0 {
		t.Errorf("%d errors of %d requests, want %d", s.Errors, s.Requests, errors)
	}
}

func TestASnapshotHoldsAllThatWasCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(false)
		created := time.Now()
		time.Sleep(time.Hour)
		if s := snapshot(r); s.LastRequestAt != nil || s.ErrorsByCode != nil {
			t.Errorf("before the first request: %+v", s)
		}
		c := r.Begin(time.Now())
		c.Attempt(1)
		c.Attempt(2)
		c.End(Result{
			Latency: 2 * time.Second, QueueWait: time.Second, FirstToken: 500 * time.Millisecond,
			Usage: &provider.Usage{Input: 1, Output: 2, Total: 3, Cached: 4, CacheWrite: 5, Reasoning: 6},
		})
		s := snapshot(r)
		if s.Requests != 1 || s.Success != 1 || s.Attempts != 2 || s.Retries != 1 {
			t.Errorf("counts %+v", s)
		}
		if s.Tokens != (provider.Usage{Input: 1, Output: 2, Total: 3, Cached: 4, CacheWrite: 5, Reasoning: 6}) {
			t.Errorf("tokens %+v", s.Tokens)
		}
		if s.Latency.Max != 2 || s.QueueWait.Max != 1 || s.TimeToFirstToken.Max != 0.5 {
			t.Errorf("latency %v, wait %v, first token %v", s.Latency, s.QueueWait, s.TimeToFirstToken)
		}
		r.Begin(time.Now()).End(Result{Latency: time.Second}) // a call has no first token
		if got := snapshot(r); got.TimeToFirstToken.Count != 1 || got.Latency.Count != 2 {
			t.Errorf("%d first tokens of %d requests, want 1 of 2", got.TimeToFirstToken.Count, got.Latency.Count)
		}
		if !s.CreatedAt.Equal(created) || s.LastRequestAt == nil || !s.LastRequestAt.Equal(time.Now()) {
			t.Errorf("created %v, last request %v", s.CreatedAt, s.LastRequestAt)
		}
	})
}

func TestAResetDoesNotCountTheEndOfWhatBeganBefore(t *testing.T) {
	t.Parallel()
	r := New(true)
	c := r.Begin(time.Now())
	r.Remember(status.Request{At: time.Now()})
	r.Reset()
	c.End(Result{})
	if s := snapshot(r); s.Requests != 0 || s.Success != 0 || len(r.Recent(status.RequestFilter{})) != 0 {
		t.Errorf("%+v and %d recent requests after a reset", s, len(r.Recent(status.RequestFilter{})))
	}
}

func TestNothingIsLostUnderConcurrency(t *testing.T) {
	t.Parallel()
	r := New(true)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 1000 {
				c := r.Begin(time.Now())
				c.Attempt(1)
				c.End(Result{Latency: time.Millisecond, Usage: &provider.Usage{Input: 1}})
				r.Remember(status.Request{At: time.Now()})
				if i%100 == 0 {
					snapshot(r)
				}
			}
		})
	}
	wg.Wait()
	if s := snapshot(r); s.Requests != 16000 || s.Success != 16000 || s.Latency.Count != 16000 || s.Tokens.Input != 16000 {
		t.Errorf("%+v", s)
	}
}

// TestASnapshotIsOfOneMoment ends requests that differ in all figures at once
// while snapshots are taken.
func TestASnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	r := New(false)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				c := r.Begin(time.Now())
				c.Attempt(1)
				c.Attempt(2)
				result := Result{Latency: time.Second, QueueWait: time.Second, FirstToken: time.Second, Usage: &provider.Usage{Input: 1, Output: 2}}
				if i%3 == 0 {
					result.Code = provider.CodeTimeout
				}
				c.End(result)
				runtime.Gosched()
			}
		})
	}
	for range 2000 {
		var s status.Stats
		quiet := r.now.Load().read(&s)
		wantWhole(t, &s, quiet)
		runtime.Gosched()
	}
	close(done)
	wg.Wait()
	var s status.Stats
	if !r.now.Load().read(&s) {
		t.Error("a read that nothing disturbs is not taken")
	}
	wantWhole(t, &s, true)
}

// wantWhole checks that no part exceeds its whole, and, of one moment, that each
// end is in all figures.
func wantWhole(t *testing.T, s *status.Stats, ofOneMoment bool) {
	t.Helper()
	ended := s.Success + s.Errors + s.Canceled
	if ended > s.Requests || s.Errors != s.ErrorsByCode[provider.CodeTimeout] || s.Retries > s.Attempts || s.Latency.Count < ended {
		t.Fatalf("a part is greater than its whole: %+v", s)
	}
	if ofOneMoment && (s.Latency.Count != ended || s.QueueWait.Count != ended || s.TimeToFirstToken.Count != ended ||
		uint64(s.Tokens.Input) != ended || uint64(s.Tokens.Output) != 2*ended) {
		t.Fatalf("%d ended, but the figures differ: %+v", ended, s)
	}
}

func BenchmarkRecord(b *testing.B) {
	r := New(true)
	usage := &provider.Usage{Input: 10, Output: 20, Total: 30}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		c := r.Begin(now)
		c.Attempt(1)
		c.End(Result{Latency: 123 * time.Millisecond, Usage: usage})
		r.Remember(status.Request{ID: "r", Endpoint: "e", At: now})
	}
}

func BenchmarkEndContended(b *testing.B) {
	r := New(false)
	usage := &provider.Usage{Input: 10, Output: 20, Total: 30}
	now := time.Now()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c := r.Begin(now)
			c.Attempt(1)
			c.End(Result{Latency: 123 * time.Millisecond, Usage: usage})
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	r := New(false)
	for i := range 1000 {
		r.Begin(time.Now()).End(Result{Latency: time.Duration(i) * time.Millisecond})
	}
	b.ReportAllocs()
	for b.Loop() {
		snapshot(r)
	}
}
