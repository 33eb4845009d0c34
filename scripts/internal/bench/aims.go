package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// aim is a figure that Backplane should reach.
type aim struct {
	Measure string `json:"measure"`
	spreadOf
	Rounds int `json:"rounds"`
	// Reach is the aim itself, Stretch a further one. MoreIsBetter says on which
	// side of them the figure should be.
	Reach        float64 `json:"reach"`
	Stretch      float64 `json:"stretch"`
	MoreIsBetter bool    `json:"more_is_better,omitempty"`
	Verdict      string  `json:"verdict"`
}

// The verdicts on an aim.
const (
	reachedStretch = "stretch"
	reached        = "reached"
	notReached     = "not reached"
)

// The measures that are named elsewhere too.
const (
	aimCPU     = "CPU per request / reverseproxy's, 64 at once"
	aimCPUFast = "CPU per request / fasthttp's, 64 at once"
	aimAdded   = "added p50 / reverseproxy's, 1 at a time"
	aimChunk50 = "CPU per chunk / reverseproxy's, 50 streams"
	aimIdle    = "KB of an idle stream, host + plugin, 1,000"
	aimStart   = "every plugin ready from nothing, ms"
	aimClosed  = "disconnect until upstream closed, p99 ms"
)

// aims holds the results against what Backplane should reach. Measures of cases
// that were not chosen are left out.
func (r *results) aims() []aim {
	b := backplane
	all := []struct {
		measure        string
		reach, stretch float64
		more           bool
		values         []float64
	}{
		{aimCPU, 1.0, 0.75, false, r.ratios("unary-c64", b, reverseproxy, cpu)},
		{aimCPUFast, 3.0, 2.2, false, r.ratios("unary-c64", b, fasthttpName, cpu)},
		{aimAdded, 1.6, 1.3, false, r.addedRatios("unary-c1", b, reverseproxy, p50)},
		{"chunks/s / direct, 50 streams", 0.5, 0.6, true, r.ratios("stream-s50", b, direct, perSecond)},
		{"chunks/s / direct, 500 streams", 0.55, 0.7, true, r.ratios("stream-s500", b, direct, perSecond)},
		{aimChunk50, 2.5, 2.0, false, r.ratios("stream-s50", b, reverseproxy, cpu)},
		{"CPU per chunk / reverseproxy's, 500 streams", 2.2, 1.7, false, r.ratios("stream-s500", b, reverseproxy, cpu)},
		{aimIdle, 60, 45, false, r.rounds("idle-s1000", b, kbEach)},
		{"KB of an idle stream, host + plugin, 5,000", 60, 45, false, r.rounds("idle-s5000", b, kbEach)},
		{"most memory for 1,500 bodies of 150 KB and 4 of 20 MB, MB", 768, 640, false, r.rounds("bodies", b, peak)},
		{"heap allocations of a request, host", 40, 25, false, r.rounds("objects", b, objectsHost)},
		{"heap allocations of a request, plugin", 35, 20, false, r.rounds("objects", b, objectsPlugin)},
		{aimStart, 600, 400, false, r.rounds("start-plugins", b, readyAfter)},
		{aimClosed, 20, 5, false, r.rounds("disconnect", b, closedP99)},
	}
	var held []aim
	for _, a := range all {
		if len(a.values) > 0 {
			held = append(held, newAim(a.measure, a.reach, a.stretch, a.more, a.values))
		}
	}
	return held
}

func newAim(measure string, reach, stretch float64, more bool, values []float64) aim {
	a := aim{Measure: measure, spreadOf: spreadAmong(values), Rounds: len(values), Reach: reach, Stretch: stretch, MoreIsBetter: more}
	within := func(bound float64) bool {
		if more {
			return a.Median >= bound
		}
		return a.Median <= bound
	}
	switch {
	case within(stretch):
		a.Verdict = reachedStretch
	case within(reach):
		a.Verdict = reached
	default:
		a.Verdict = notReached
	}
	return a
}

// writeAims prints the aims as a table.
func writeAims(w io.Writer, aims []aim) {
	if len(aims) == 0 {
		return
	}
	width := len(slices.MaxFunc(aims, func(a, b aim) int { return len(a.Measure) - len(b.Measure) }).Measure)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(tab, "aim%s\tfigure\tmin..max\treach\tstretch\t\t\n", strings.Repeat(" ", width-len("aim")))
	for _, a := range aims {
		sign := "<="
		if a.MoreIsBetter {
			sign = ">="
		}
		_, _ = fmt.Fprintf(tab, "%-*s\t%s\t%s..%s\t%s %v\t%s %v\t%s\t\n", width, a.Measure, short(a.Median), short(a.Min), short(a.Max),
			sign, a.Reach, sign, a.Stretch, a.Verdict)
	}
	_ = tab.Flush()
}
