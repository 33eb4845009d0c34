package sdk

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGarbageIsBoundedByHeadroomOrWhatIsInUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		megabytes uint64
		want      int
	}{
		{0, 400}, {1, 400}, {8, 400}, {9, 350}, {16, 200}, {20, 150}, {32, 100}, {33, 100}, {4000, 100},
	} {
		if got := garbagePercent(c.megabytes << 20); got != c.want {
			t.Errorf("%d MB in use: got %d per cent, want %d", c.megabytes, got, c.want)
		}
	}
}

// TestGarbageCollectionFollowsWhatIsInUse changes settings of the whole process,
// so it runs alone.
func TestGarbageCollectionFollowsWhatIsInUse(t *testing.T) {
	before := debug.SetGCPercent(defaultGarbage)
	defer debug.SetGCPercent(before)
	unset := func(string) string { return "" }
	setGarbageCollection(func(string) string { return "75" })
	if got := percentage(); got != defaultGarbage {
		t.Errorf("although GOGC is set, it is %d per cent now", got)
	}
	debug.SetGCPercent(90)
	setGarbageCollection(unset)
	if got := percentage(); got != 90 {
		t.Errorf("although the author has set it, it is %d per cent now", got)
	}
	debug.SetGCPercent(defaultGarbage)
	setGarbageCollection(unset)
	if got := percentage(); got != mostGarbage {
		t.Errorf("a small process has %d per cent", got)
	}
	whileHolding(2*headroom, func() { awaitPercentage(t, leastGarbage) })
	awaitPercentage(t, mostGarbage)
	debug.SetGCPercent(60)
	for range 20 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if got := percentage(); got != 60 {
		t.Errorf("what somebody has set later is %d per cent now", got)
	}
}

// whileHolding calls do while some bytes are in use.
func whileHolding(bytes int, do func()) {
	held := make([]byte, bytes)
	do()
	runtime.KeepAlive(held)
}

func percentage() int {
	_, percent := collection()
	return percent
}

func awaitPercentage(t *testing.T, want int) {
	t.Helper()
	for range 1000 {
		runtime.GC()
		if percentage() == want {
			return
		}
		time.Sleep(10 * time.Millisecond) // the cleanup runs after the collection
	}
	t.Fatalf("it stays at %d per cent, want %d", percentage(), want)
}
