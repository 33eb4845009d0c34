package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheCollectorIsLeftToWhoSetsGOGC(t *testing.T) {
	before := debug.SetGCPercent(77)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for value, want := range map[string]int{"": collectorPercent, "50": 77, "off": 77} {
		debug.SetGCPercent(77)
		setCollector(func(name string) (string, bool) { return value, name == "GOGC" && value != "" })
		if got := debug.SetGCPercent(77); got != want {
			t.Errorf("GOGC=%q: %d, want %d", value, got, want)
		}
	}
}

func TestTheProcessorsAreLeftToWhoSetsGOMAXPROCS(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for value, want := range map[string]int{"": 3, "8": 5} {
		runtime.GOMAXPROCS(5)
		setProcessors(func(name string) (string, bool) { return value, name == "GOMAXPROCS" && value != "" })
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("GOMAXPROCS=%q: %d, want %d", value, got, want)
		}
	}
}
