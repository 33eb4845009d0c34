package queue

import (
	"fmt"
	"math"
	"testing"
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

// TestWaitsAreThoseOfQueueingTheory compares with the load that really came: chance
// makes it a little more or less than rho, which near saturation means a lot.
func TestWaitsAreThoseOfQueueingTheory(t *testing.T) {
	t.Parallel()
	if got := erlangC(1, 0.5); math.Abs(got-1) > 1e-9 {
		t.Fatalf("M/M/1 at 0.5 waits %v s, want 1 s", got)
	}
	for _, rho := range []float64{0.5, 0.7, 0.8, 0.9, 0.95} {
		t.Run(fmt.Sprint(rho), func(t *testing.T) {
			t.Parallel()
			count, tolerance := 3e5, 0.05
			if testing.Short() || slower > 1 {
				count, tolerance = 2e4, 0.3
			}
			w := world{
				limits: Limits{MaxConcurrent: slots, Unbounded: true}, service: services["exponential"],
				length: time.Duration(count / (rho * slots) * float64(time.Second)), warmup: time.Minute,
				crowds: []people{{rate: constant(rho * slots)}},
			}
			tales, inversions := w.play(t, 11)
			came := tales[0].served.Seconds() / (slots * (w.length - w.warmup).Seconds())
			got, want := mean(tales[0].waits).Seconds(), erlangC(slots, came)
			off := got/want - 1
			if math.Abs(off) > tolerance || inversions > 0 {
				t.Errorf("mean wait %.4f s, want %.4f s within %v; %d grants out of order", got, want, tolerance, inversions)
			}
			t.Logf("%d requests, load %.4f: mean wait %.4f s, %+.1f %%", len(tales[0].waits), came, got, 100*off)
		})
	}
}
