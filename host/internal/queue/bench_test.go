package queue

import (
	"context"
	"testing"
	"time"
)

// bounded are limits with every rule at work.
func bounded(limit int) Limits {
	return Limits{MaxConcurrent: limit, Size: 1000, MaxBytes: 1 << 30, Overload: "codel", Timeout: time.Minute}
}

func BenchmarkAcquireFree(b *testing.B) {
	q := New(bounded(1))
	ctx := context.Background()
	b.Run("caller has the time", func(b *testing.B) {
		now := time.Now()
		b.ReportAllocs()
		for b.Loop() {
			slot, err := q.Acquire(ctx, Ticket{Seq: q.Number(), Now: now})
			if err != nil {
				b.Fatal(err)
			}
			slot.PassedAt(now)
			slot.ReleaseAt(now)
		}
	})
	b.Run("queue reads the clock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			slot, err := q.Acquire(ctx, Ticket{Seq: q.Number()})
			if err != nil {
				b.Fatal(err)
			}
			slot.Release()
		}
	})
}

// BenchmarkAcquireContended is 64 goroutines that seldom have to wait.
func BenchmarkAcquireContended(b *testing.B) { contend(b, bounded(8), func() {}) }

// BenchmarkAcquireWaiting is 64 goroutines of which nearly all wait at any time.
func BenchmarkAcquireWaiting(b *testing.B) {
	yield := make(chan struct{}, 1)
	contend(b, bounded(1), func() { // gives the others the time to queue up
		yield <- struct{}{}
		<-yield
	})
}

func contend(b *testing.B, limits Limits, work func()) {
	q := New(limits)
	b.ReportAllocs()
	b.SetParallelism(32) // 64 goroutines on two cores
	b.RunParallel(func(pb *testing.PB) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for pb.Next() {
			slot, err := q.Acquire(ctx, Ticket{Seq: q.Number()})
			if err != nil {
				b.Error(err)
				return
			}
			work()
			slot.Release()
		}
	})
}

func BenchmarkRefusedByAFullQueue(b *testing.B) {
	q := New(Limits{MaxConcurrent: 1})
	_, _ = q.Acquire(context.Background(), Ticket{Seq: q.Number()})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = q.Acquire(context.Background(), Ticket{Seq: q.Number()})
	}
}

func BenchmarkBusy(b *testing.B) {
	q := New(Limits{MaxConcurrent: 1})
	_, _ = q.Acquire(context.Background(), Ticket{Seq: q.Number()})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = q.Acquire(context.Background(), Ticket{NoWait: true})
	}
}
