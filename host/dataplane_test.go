//go:build !race

// With the race detector, pools forget on purpose, and figures say nothing.

package host

import "testing"

// A request costs the host few allocations on its way between net/http and the
// plugin's process. Those of the endpoint's own chain are among them.
func TestARequestCostsFewAllocations(t *testing.T) {
	ask := asking(dataPlane(plainBackend(1)), `{"model":"r","messages":[{"role":"user","content":"hi"}]}`)
	ask() // the first one fills the pools
	if n := testing.AllocsPerRun(200, ask); n > 6 {
		t.Errorf("%v allocations, want at most 6", n)
	}
}

func TestAChunkCostsNoAllocation(t *testing.T) {
	allocs := func(events int) float64 {
		backend := plainBackend(1)
		backend.events = events
		ask := asking(dataPlane(backend), `{"model":"r","stream":true,"messages":[{"role":"user","content":"hi"}]}`)
		ask()
		return testing.AllocsPerRun(50, ask)
	}
	// Some slack, for now and then the collector empties a pool.
	if short, long := allocs(100), allocs(1100); long-short > 50 {
		t.Errorf("%v allocations for 100 chunks, %v for 1100", short, long)
	}
}
