package sdk

import (
	"testing"
	"time"
)

func TestWaitParentReturnsWhenTheParentChanges(t *testing.T) {
	t.Parallel()
	asked, slept := 0, time.Duration(0)
	getppid := func() int {
		asked++
		if asked > 3 {
			return 1
		}
		return 42
	}
	waitParent(42, getppid, func(d time.Duration) { slept += d })
	if asked != 4 || slept != 3*parentPoll {
		t.Errorf("asked %d times and slept %v", asked, slept)
	}
}

func TestALifelineThatIsNoneIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"", "x", "-1", "0", "2", "999"} {
		if waitLifeline(number) {
			t.Errorf("%q was taken for a lifeline", number)
		}
	}
}
