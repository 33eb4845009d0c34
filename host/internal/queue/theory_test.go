package queue

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// erlangC is the mean wait in a queue of Poisson arrivals, exponential service
// times with a mean of one second, n slots, and use rho, in seconds. It follows
// from Erlang's loss formula, which is found by its recursion.
func erlangC(n int, rho float64) float64 {
	load, loss := rho*float64(n), 1.0
	for k := 1; k <= n; k++ {
		loss = load * loss / (float64(k) + load*loss)
	}
	wait := loss / (1 - rho*(1-loss)) // the probability of having to wait
	return wait / (float64(n) * (1 - rho))
}

// patient is the part of the arrivals that is served in the same queue at use 1,
// if who has waited for the given seconds leaves (M/M/n+D; Barrer, 1957): all
// chances are that of n-1 busy slots times a factor, so they follow from their sum.
// For other service times, whose squared coefficient of variation is not 1, it is
// the approximation by diffusion: their waits are as many times shorter.
func patient(n int, patience, variation float64) float64 {
	patience *= 2 / (1 + variation)
	sum, term := 0.0, 1.0 // of the chances of 0 to n-1 busy slots
	for k := n - 1; k >= 0; k-- {
		sum += term
		term *= float64(k) / float64(n)
	}
	return 1 - 1/(sum+float64(n)*patience+1)
}

// ideal is a queue of n slots as the textbook has it: each request goes to the slot
// that comes free first. It is fed with requests in the order of their arrival.
type ideal struct{ free []time.Duration }

// wait is the wait of a request that comes at the given time.
func (q *ideal) wait(at, service time.Duration) time.Duration {
	first := 0
	for i := range q.free {
		if q.free[i] < q.free[first] {
			first = i
		}
	}
	start := max(at, q.free[first])
	q.free[first] = start + service
	return start - at
}

// visitors are Poisson arrivals with their service times.
func visitors(rho float64, service func(*rand.Rand) time.Duration, seed uint64) func() (at, service time.Duration) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	at := time.Duration(0)
	return func() (time.Duration, time.Duration) {
		at += 1 + time.Duration(rnd.ExpFloat64()/(rho*slots)*float64(time.Second)) // no two at the same moment
		return at, service(rnd)
	}
}

// TestWaitsAreThoseOfTheIdealQueue sends the same requests, at the same times and
// with the same service times, through the queue and through the textbook's. Every
// single wait is the same, to the nanosecond.
func TestWaitsAreThoseOfTheIdealQueue(t *testing.T) {
	t.Parallel()
	count := 50_000 / slower
	for name, service := range services {
		for _, rho := range []float64{0.5, 0.8, 0.95, 1.02} {
			t.Run(fmt.Sprintf("%s, load %v", name, rho), func(t *testing.T) {
				t.Parallel()
				seed := rand.Uint64() // it holds for any
				got, next := make([]time.Duration, count), visitors(rho, service, seed)
				synctest.Test(t, func(*testing.T) { visit(got, next) })
				q, next := ideal{make([]time.Duration, slots)}, visitors(rho, service, seed)
				waited := 0
				for i := range got {
					want := q.wait(next())
					if got[i] != want {
						t.Fatalf("request %d of seed %d waited %v, want %v", i, seed, got[i], want)
					}
					if want > 0 {
						waited++
					}
				}
				if waited == 0 {
					t.Error("nobody had to wait")
				}
			})
		}
	}
}

// visit sends requests through a queue and notes how long each waited.
func visit(waits []time.Duration, next func() (at, service time.Duration)) {
	q := New(Limits{MaxConcurrent: slots, Unbounded: true})
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range waits {
		at, service := next()
		time.Sleep(at - time.Since(begin))
		wg.Go(func() {
			slot, _ := q.Acquire(context.Background(), Ticket{Seq: q.Number()}) // it refuses nobody
			waits[i] = time.Since(begin) - at
			time.Sleep(service)
			slot.Release()
		})
	}
	wg.Wait()
	q.Close()
}

// TestTheIdealQueueIsThatOfTheory compares the textbook's queue with Erlang's
// formula, over so many requests that chance makes no difference of 5 %.
func TestTheIdealQueueIsThatOfTheory(t *testing.T) {
	t.Parallel()
	if got := erlangC(1, 0.5); math.Abs(got-1) > 1e-9 {
		t.Fatalf("M/M/1 at 0.5 waits %v s, want 1 s", got)
	}
	for _, rho := range []float64{0.5, 0.7, 0.8, 0.9, 0.95} {
		t.Run(fmt.Sprint(rho), func(t *testing.T) {
			t.Parallel()
			// Waits are alike for the longer the nearer the load is to 1, so that many
			// more are needed for a mean that is as exact.
			const batches = 50
			size := int(max(7e6, 6e4/((1-rho)*(1-rho)))) / batches
			if testing.Short() || slower > 1 {
				size /= 16 // and so four times as inexact
			}
			q, next := ideal{make([]time.Duration, slots)}, visitors(rho, services["exponential"], 1)
			means := make([]float64, batches)
			for i := range means {
				for range size {
					means[i] += q.wait(next()).Seconds() / float64(size)
				}
			}
			got, inexact := estimateOf(means)
			want := erlangC(slots, rho)
			if math.Abs(got-want) > 4*inexact || slower == 1 && !testing.Short() && 4*inexact > 0.05*want {
				t.Errorf("mean wait %.4f s with a standard error of %.4f s, want %.4f s within 5 %%", got, inexact, want)
			}
			t.Logf("mean wait %.4f s, %+.1f %%, standard error %.1f %%", got, 100*(got/want-1), 100*inexact/want)
		})
	}
}

// estimateOf is the mean of independent figures, and its standard error.
func estimateOf(all []float64) (mean, inexact float64) {
	n, sum, squares := float64(len(all)), 0.0, 0.0
	for _, x := range all {
		sum += x
	}
	mean = sum / n
	for _, x := range all {
		squares += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(squares / (n - 1) / n)
}
