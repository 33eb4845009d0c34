package sdk

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// What a plugin leaves uncollected before the garbage collector runs, in per cent
// of what is in use. At work it has a few megabytes in use, and with Go's own 100
// per cent would spend a seventh of its time on collecting; with thousands of streams
// it has hundreds, several times as much would be too dear, and there is less to
// gain. So the garbage is at most headroom or as much as is in use, whichever is
// more, and never more than mostGarbage.
const (
	mostGarbage  = 400
	leastGarbage = 100
	garbageStep  = 25       // changes stop the process for some microseconds
	headroom     = 32 << 20 // bytes
)

// defaultGarbage is Go's own percentage.
const defaultGarbage = 100

// setGarbageCollection makes the collector run less often than Go's default while
// the plugin is small. Who set a percentage before, with the environment variable
// GOGC or in the program, knows better. GOMEMLIMIT holds in any case.
func setGarbageCollection(env func(string) string) {
	if _, percent := collection(); env("GOGC") != "" || percent != defaultGarbage {
		return
	}
	debug.SetGCPercent(mostGarbage)
	followCollections(mostGarbage)
}

// followCollections adjusts the percentage after the next collection, and so on
// until somebody else sets it. set is what it was set to.
func followCollections(set int) {
	// Nothing refers to the mark, so that every collection finds it; its cleanup
	// runs on a goroutine of the runtime.
	mark := new(int64)
	runtime.AddCleanup(mark, func(set int) {
		live, percent := collection()
		if percent != set {
			return
		}
		wanted := garbagePercent(live)
		if wanted != set {
			debug.SetGCPercent(wanted)
		}
		followCollections(wanted)
	}, set)
}

// garbagePercent is the percentage for a number of bytes in use.
func garbagePercent(live uint64) int {
	if live == 0 {
		return mostGarbage
	}
	percent := uint64(headroom) * 100 / live
	return int(min(max(percent-percent%garbageStep, leastGarbage), mostGarbage))
}

// collection returns how many bytes were in use at the last collection, and the
// percentage that is set. Without such metrics, in some later Go, nothing is
// changed.
func collection() (live uint64, percent int) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0, -1
		}
	}
	return samples[0].Value.Uint64(), int(samples[1].Value.Uint64())
}
