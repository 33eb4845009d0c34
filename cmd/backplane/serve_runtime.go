package main

import (
	"runtime"
	"runtime/debug"
)

// collectorPercent is how much the heap grows between two collections of garbage
// unless GOGC says otherwise, in percent of what is in use; Go's own default is 100.
//
// A host at work holds little and makes little, so that its heap is collected often
// for its size. Measured with small requests, 64 at a time, medians of four rounds,
// CPU time per request and resident memory at most: 100 takes 46 µs and 42 MB, 200
// takes 41 µs and 50 MB, 400 takes 40 µs and 64 MB, 800 takes 40 µs and 96 MB.
const collectorPercent = 200

// setCollector sets how often garbage is collected, unless the environment says it.
// GOMEMLIMIT, which the runtime reads by itself, bounds the memory all the same.
func setCollector(lookup func(name string) (string, bool)) {
	if percent, _ := lookup("GOGC"); percent == "" {
		debug.SetGCPercent(collectorPercent)
	}
}

// setProcessors lets the host run Go code on half of the processors at a time, on one
// at least, unless GOMAXPROCS says otherwise. The plugins have the other half: a
// request takes about as much CPU time in its plugin as in the host. Both do so
// little for a request that handing work from one processor to the next costs more
// than it: on two, a request takes a fifth less if each process uses one. It must be
// called once.
func setProcessors(lookup func(name string) (string, bool)) {
	if number, _ := lookup("GOMAXPROCS"); number == "" {
		runtime.GOMAXPROCS((runtime.GOMAXPROCS(0) + 1) / 2)
	}
}
