package main

import (
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
