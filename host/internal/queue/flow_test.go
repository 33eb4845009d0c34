package queue

import (
	"testing"
	"time"
)

func TestTheFlowIsTheTimeBetweenGrantsToThoseWhoWait(t *testing.T) {
	t.Parallel()
	const s = time.Second
	var f flow
	f.served(1*s, 1, true)
	f.served(5*s, 4, true) // four at once, in four seconds
	if got := f.gap(5 * s); got != s {
		t.Errorf("gap %v, want 1s", got)
	}
	f.served(6*s, 1, false) // nobody waits any more
	f.served(100*s, 1, true)
	if got := f.gap(100 * s); got != s {
		t.Errorf("gap %v, want 1s: the time in which nobody waited is none", got)
	}
	f.scale(1, 2)
	f.served(200*s, 1, true)
	if got := f.gap(200 * s); got != s/2 {
		t.Errorf("gap %v with twice the slots, want 500ms: the time of the change is none", got)
	}
}

func TestTheFlowIsForgottenAfterAMinuteInWhichNobodyWaits(t *testing.T) {
	t.Parallel()
	var f flow
	f.served(1*time.Second, 1, true)
	f.served(2*time.Second, 1, false)
	for after, want := range map[time.Duration]time.Duration{time.Minute: time.Second, time.Minute + 1: 0} {
		if got := f.gap(2*time.Second + after); got != want {
			t.Errorf("gap %v after %v, want %v", got, after, want)
		}
	}
}

func TestTimesAreKeptOnceAMillisecondAndSortedTenTimesASecond(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	var x times
	x.add(1*ms, 1, 0)
	if got := x.held(ms / 2); got != ms {
		t.Errorf("the first median is %v, want that of the first", got)
	}
	x.add(5*ms, 2, ms-1) // too soon
	x.add(3*ms, 3, ms)
	x.add(3*ms, 3, 2*ms)
	if got := x.count.Load(); got != 3 {
		t.Errorf("%d pairs are kept, want 3", got)
	}
	if got := x.held(ms/2 + sortPause - 1); got != ms {
		t.Errorf("within the pause the median is %v, want the one that is known", got)
	}
	if held, answer := x.held(ms/2+sortPause), x.answer(ms); held != 3*ms || answer != 3 {
		t.Errorf("after it the medians are %v and %v, want 3ms and 3ns", held, answer)
	}
}
