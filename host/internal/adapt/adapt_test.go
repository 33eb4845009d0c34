package adapt

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
)

// history collects what a limit tells the queue.
type history struct {
	*Limit
	told []int
}

func begin(cfg config.Adapt, start int) *history {
	h := new(history)
	h.Limit = New(cfg, start, func(n int) { h.told = append(h.told, n) })
	return h
}

// window lets attempts begin, and then eleven of them answer within a second.
func (h *history) window(ttft time.Duration, inFlight, dropped int) {
	time.Sleep(ttft - 100*time.Millisecond)
	for i := range 11 {
		time.Sleep(100 * time.Millisecond)
		h.Sample(ttft, inFlight, i < dropped)
	}
}

var defaults = config.DefaultPolicy().Adapt

func TestALimitInUseGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := begin(defaults, 10)
		for range 3 {
			h.window(20*time.Millisecond, 5, 0)
		}
		for range 3 {
			h.window(20*time.Millisecond, 6, 0) // less than half of 13
		}
		if want := []int{10, 11, 12, 13}; !slices.Equal(h.told, want) || h.Limit.Limit() != 13 {
			t.Errorf("told %v, limit %d; want %v", h.told, h.Limit.Limit(), want)
		}
		if got := h.Explain(); got.Limit != 13 || got.Base != 20*time.Millisecond || got.Median != got.Base || !strings.Contains(got.Reason, "6 slots were in use") {
			t.Errorf("explained as %+v", got)
		}
	})
}

func TestASlowServiceIsGivenLess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := begin(defaults, 100)
		h.window(50*time.Millisecond, 1, 0)
		h.window(100*time.Millisecond, 1, 0) // twice the base is allowed
		if len(h.told) != 1 {
			t.Fatalf("told %v, want no change", h.told)
		}
		h.window(550*time.Millisecond, 1, 0) // ten a second, each of which waits for half a second
		if want := []int{100, 85}; !slices.Equal(h.told, want) {
			t.Errorf("told %v, want %v: without the five that wait, and a tenth", h.told, want)
		}
		if got := h.Explain().Reason; got != "the time to the first token rose to 550ms, from 50ms without load" {
			t.Errorf("reason %q", got)
		}
	})
}

func TestNoDecreaseLeavesLessThanAQuarter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := begin(defaults, 100)
		h.window(50*time.Millisecond, 1, 0)
		h.window(3*time.Second, 100, 0) // ten a second: as if 30 of 100 waited
		if got := h.Limit.Limit(); got != 63 {
			t.Errorf("limit %d, want 0.9 of 70", got)
		}
		h.window(30*time.Second, 50, 0) // more than there are
		if got := h.Limit.Limit(); got != 14 {
			t.Errorf("limit %d, want 0.9 of a quarter of 63", got)
		}
	})
}

func TestARefusalTakesATenthOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := begin(defaults, 10)
		h.window(50*time.Millisecond, 9, 1)
		if want := []int{10, 9}; !slices.Equal(h.told, want) || h.Explain().Reason != "1 of 11 attempts were refused or failed" {
			t.Errorf("told %v, reason %q", h.told, h.Explain().Reason)
		}
	})
}

func TestWhatBeganBeforeADecreaseIsNotJudgedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := begin(defaults, 10)
		h.window(50*time.Millisecond, 9, 10)
		for range 100 {
			time.Sleep(50 * time.Millisecond)
			h.Sample(10*time.Second, 9, true) // began before
		}
		if got := h.Limit.Limit(); got != 9 {
			t.Fatalf("limit %d, want 9: the second window tells of the time before", got)
		}
		h.window(50*time.Millisecond, 10, 10) // more are in flight than the limit
		if got := h.Limit.Limit(); got != 9 {
			t.Fatalf("limit %d, want 9, which is not in effect yet", got)
		}
		h.window(50*time.Millisecond, 9, 10)
		h.window(50*time.Millisecond, 8, 10)
		if got := h.Limit.Limit(); got >= 9 {
			t.Errorf("limit %d, want less", got)
		}
	})
}

func TestAWindowNeedsTimeAndSamples(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := begin(defaults, 10)
		time.Sleep(time.Second)
		for range 1000 {
			h.Sample(time.Millisecond, 10, false)
		}
		if len(h.told) != 1 {
			t.Error("a window without time was judged")
		}
		time.Sleep(windowTime)
		h.Sample(time.Millisecond, 10, false)
		if len(h.told) != 2 {
			t.Error("a window with time and samples was not judged")
		}
		for range windowSamples - 1 {
			time.Sleep(time.Hour)
			h.Sample(time.Millisecond, 11, false)
		}
		if len(h.told) != 2 {
			t.Error("a window of nine samples was judged")
		}
	})
}

func TestTheLimitStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Adapt{Min: 3, Max: 6, Tolerance: 2}
		for start, want := range map[int]int{0: 6, 1: 3, 4: 4, 100: 6} {
			if h := begin(cfg, start); h.Limit.Limit() != want || !slices.Equal(h.told, []int{want}) {
				t.Errorf("start at %d: limit %d, told %v, want %d", start, h.Limit.Limit(), h.told, want)
			}
		}
		h := begin(cfg, 4)
		for range 20 {
			h.window(time.Millisecond, 3, 0)
		}
		if got := h.Limit.Limit(); got != 6 {
			t.Errorf("limit %d, want the highest", got)
		}
		for range 20 {
			h.window(time.Millisecond, 3, 1)
		}
		if got := h.Limit.Limit(); got != 3 {
			t.Errorf("limit %d, want the lowest", got)
		}
	})
}

func TestAServiceThatBecameSlowerForGoodIsBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := begin(defaults, 20)
		h.window(20*time.Millisecond, 10, 0)
		for range 900 { // a quarter of an hour
			h.window(80*time.Millisecond, h.Limit.Limit(), 0)
		}
		if got := h.Limit.Limit(); got < 20 {
			t.Errorf("limit %d, want it to have grown again", got)
		}
	})
}

func BenchmarkSample(b *testing.B) {
	l := New(defaults, 10, func(int) {})
	b.ReportAllocs()
	for b.Loop() {
		l.Sample(time.Millisecond, 5, false)
	}
}
