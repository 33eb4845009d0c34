package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
)

const (
	slots    = 10 // of each world, whose services take a second
	deadline = 10 * time.Second
	target   = time.Second // a tenth of the deadline
)

// bounds are what an operator gets who sets a limit and a timeout.
func bounds() Limits {
	return Limits{MaxConcurrent: slots, Size: 1000, Overload: config.OverloadCoDel, Timeout: deadline}
}

// TestOverloadIsServedAtFullCapacity asks for up to five times of what the service
// can do. At exactly its capacity no queue whose waits are bounded by the time of
// one service can use it fully: with room for 10 beside 10 slots, M/M/10/20 loses
// 6.8 %.
func TestOverloadIsServedAtFullCapacity(t *testing.T) {
	t.Parallel()
	seeds := 5
	if testing.Short() || slower > 1 {
		seeds = 2
	}
	least := map[float64]float64{1: 92, 1.2: 95, 1.5: 95, 2: 95, 3: 95, 5: 95}
	for name, service := range services {
		for load, want := range least {
			t.Run(fmt.Sprintf("%s service, load %v", name, load), func(t *testing.T) {
				t.Parallel()
				w := world{
					limits: bounds(), timeout: deadline, service: service,
					length: 300 * time.Second, warmup: 30 * time.Second, crowds: []people{{rate: constant(slots * load)}},
				}
				var all tale
				for seed := range seeds {
					tales, inversions := w.play(t, uint64(seed))
					all.add(tales[0], 0)
					if inversions > 0 {
						t.Errorf("%d grants out of order", inversions)
					}
				}
				goodput := 100 * float64(all.good) / (slots * float64(seeds) * (w.length - w.warmup).Seconds())
				if goodput < want {
					t.Errorf("goodput %.1f %% of capacity, want at least %v %%", goodput, want)
				}
				if got := quantile(all.told, 0.95); got > 2*target {
					t.Errorf("p95 of the time until a refusal is %v, want at most %v", got, 2*target)
				}
				if got := quantile(all.told, 1); load >= 2 && got > 2*target {
					t.Errorf("a refusal took %v, want at most %v", got, 2*target)
				}
				t.Logf("goodput %.1f %%, told after p50 %v, p95 %v, max %v; waits p99 %v; %d of %d out of time", goodput,
					quantile(all.told, 0.5), quantile(all.told, 0.95), quantile(all.told, 1), quantile(all.waits, 0.99), all.late, all.all())
			})
		}
	}
}

// TestWithoutBoundsOverloadIsServedInVain shows that the worlds of the other tests
// are hard: served in order, all who are served have no time left.
func TestWithoutBoundsOverloadIsServedInVain(t *testing.T) {
	t.Parallel()
	w := world{
		limits: Limits{MaxConcurrent: slots, Unbounded: true}, timeout: deadline, service: services["even"],
		length: 300 * time.Second, warmup: 30 * time.Second, crowds: []people{{rate: constant(2 * slots)}},
	}
	tales, _ := w.play(t, 1)
	if goodput := 100 * float64(tales[0].good) / (slots * (w.length - w.warmup).Seconds()); goodput > 10 {
		t.Errorf("goodput %.1f %%, want next to nothing", goodput)
	}
}

// TestWhatComesTooLateIsRefusedAtTheDoor leaves waits as long as they may be, so
// that only the estimate bounds them.
func TestWhatComesTooLateIsRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	limits := bounds()
	limits.Overload = config.OverloadNone
	for name, service := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{
				limits: limits, timeout: deadline, service: service,
				length: 300 * time.Second, warmup: 30 * time.Second, crowds: []people{{rate: constant(5 * slots)}},
			}
			tales, _ := w.play(t, 1)
			got := tales[0]
			goodput := 100 * float64(got.good) / (slots * (w.length - w.warmup).Seconds())
			if goodput < 70 {
				t.Errorf("goodput %.1f %% of capacity, want at least 70 %%: the estimate sees an average only", goodput)
			}
			if quantile(got.told, 1) > 0 {
				t.Error("a refusal came after a wait")
			}
			t.Logf("goodput %.1f %%, %d of %d out of time", goodput, got.late, got.all())
		})
	}
}

// TestASpikeIsOverWhenItIsOver has callers who try three times, so that overload
// feeds itself: for a minute three times as many come as before and after.
func TestASpikeIsOverWhenItIsOver(t *testing.T) {
	t.Parallel()
	const begin, end = 60 * time.Second, 120 * time.Second
	spike := func(at time.Duration) float64 {
		if at > begin && at < end {
			return 2.7 * slots
		}
		return 0.9 * slots
	}
	for name, service := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{limits: bounds(), timeout: deadline, service: service, length: 180 * time.Second, crowds: []people{{again: 2, rate: spike}}}
			after, naive := w.recovery(t, end+5*time.Second), 0.0
			if after < 90 {
				t.Errorf("5 s after the spike %.0f %% of the arrivals are served, want at least 90 %%", after)
			}
			if name == "even" && slower == 1 {
				w.limits = Limits{MaxConcurrent: slots, Unbounded: true}
				if naive = w.recovery(t, end+5*time.Second); naive > 10 {
					t.Errorf("without bounds %.0f %% are served after the spike, so it was none", naive)
				}
			}
			t.Logf("served after the spike: %.0f %% (without bounds %.0f %%)", after, naive)
		})
	}
}

// recovery is how many are served in the time from begin, in per cent of those
// who come in it, over several seeds; the least of its spans.
func (w world) recovery(t *testing.T, begin time.Duration) float64 {
	t.Helper()
	seeds, span := 10, 10*time.Second
	if slower > 1 {
		seeds, span = 3, 20*time.Second // fewer come, so chance needs a longer one
	}
	var stories []tale
	for seed := range seeds {
		tales, _ := w.play(t, uint64(seed))
		stories = append(stories, tales[0])
	}
	least := 1000.0
	for ; begin+span <= w.length; begin += span {
		came, good := 0, 0
		for _, s := range stories {
			came += between(s.came, begin, begin+span)
			good += between(s.when, begin, begin+span)
		}
		least = min(least, 100*float64(good)/float64(came))
	}
	return least
}

func between(all []time.Duration, begin, end time.Duration) (n int) {
	for _, d := range all {
		if d >= begin && d < end {
			n++
		}
	}
	return n
}
