package queue

import (
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
)

// flooded is a world in which the first crowd asks for five times of what there is.
func flooded(flood people, others ...people) world {
	flood.rate = constant(5 * slots)
	limits := bounds()
	limits.Size = 100 // which the flood fills
	return world{
		limits: limits, timeout: deadline, length: 1300 * time.Second / slower, warmup: 20 * time.Second,
		crowds: append([]people{flood}, others...),
	}
}

func TestAFloodDoesNotReachOtherTenants(t *testing.T) {
	t.Parallel()
	for name, service := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := flooded(people{tenant: "flood"}, people{tenant: "light", rate: constant(0.1 * slots)})
			w.service = service
			tales, inversions := w.play(t, 1)
			flood, light := tales[0], tales[1]
			if light.refused > 0 || inversions > 0 {
				t.Errorf("%d of %d light requests were refused; %d grants out of order", light.refused, light.all(), inversions)
			}
			if got := quantile(light.waits, 0.99); got > time.Second {
				t.Errorf("the light tenant's waits have p99 %v, want at most the time of one service", got)
			}
			if flood.refused == 0 {
				t.Error("the flood was not one")
			}
			t.Logf("light: %d of %d refused, waits p50 %v, p99 %v; flood: %d of %d refused", light.refused, light.all(),
				quantile(light.waits, 0.5), quantile(light.waits, 0.99), flood.refused, flood.all())
		})
	}
}

func TestAFloodOfLowPriorityDoesNotReachHigher(t *testing.T) {
	t.Parallel()
	w := flooded(people{priority: caller.Low}, people{priority: caller.High, rate: constant(0.2 * slots)}, people{rate: constant(0.3 * slots)})
	w.service = services["even"]
	tales, _ := w.play(t, 1)
	for i, limit := range map[int]time.Duration{1: time.Second, 2: 3 * time.Second / 2} {
		if got := tales[i]; got.refused > 0 || quantile(got.waits, 0.99) > limit {
			t.Errorf("crowd %d: %d of %d refused, waits p99 %v, want at most %v", i, got.refused, got.all(), quantile(got.waits, 0.99), limit)
		}
	}
	used := tales[0].good + tales[1].good + tales[2].good
	if got := float64(used) / (slots * (w.length - w.warmup).Seconds()); got < 0.95 {
		t.Errorf("%.1f %% of the capacity were used, want all", 100*got)
	}
}

func TestAFloodOfHighPriorityStarvesNobody(t *testing.T) {
	t.Parallel()
	w := flooded(people{priority: caller.High}, people{rate: constant(0.3 * slots)}, people{priority: caller.Low, rate: constant(0.3 * slots)})
	w.service = services["even"]
	tales, _ := w.play(t, 1)
	capacity := slots * (w.length - w.warmup).Seconds()
	for i, got := range tales[1:] {
		if share := float64(got.good) / capacity; share < 0.08 || share > 0.1 {
			t.Errorf("lower crowd %d got %.1f %% of the capacity, want one of eleven slots", i+1, 100*share)
		}
	}
}
