//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what a run came to.
type report struct {
	Seed     uint64         `json:"seed"`
	Requests int            `json:"requests"`
	Streams  int            `json:"streams"`
	Endings  map[ending]int `json:"endings"`
	Failures map[string]int `json:"failures"` // by provider and code
	Stall    stall          `json:"longest_stall"`
	Faults   []faultLine    `json:"faults"`
	Before   traces         `json:"before"`
	After    traces         `json:"after"`
	Stop     stopLine       `json:"stop"`
	Death    deathLine      `json:"death"`
	Broken   map[string]int `json:"broken"` // violations of each phase
	// Violations are what broke the rules, the first of each phase.
	Violations []string `json:"violations"`
}

type stall struct {
	Seconds  float64 `json:"seconds"`
	Endpoint string  `json:"endpoint"`
}

// faultLine is one kind of fault: how often, and the time until the provider
// served the next request, and for changes how long they took.
type faultLine struct {
	Kind   kind    `json:"kind"`
	Count  int     `json:"count"`
	P50    float64 `json:"next_served_p50_ms"`
	Max    float64 `json:"next_served_max_ms"`
	Change float64 `json:"change_p50_ms,omitempty"`
}

// stopLine is the end by SIGTERM under load, deathLine that by SIGKILL.
type stopLine struct {
	InFlight int     `json:"in_flight"` // when the signal was sent
	Served   int     `json:"served"`    // of them
	Refused  int     `json:"refused"`   // came later
	Took     float64 `json:"seconds"`
}

type deathLine struct {
	Processes int     `json:"processes"` // when it was killed
	Gone      float64 `json:"gone_after_seconds"`
	Folders   int     `json:"folders"` // that it left behind
	Left      int     `json:"left"`    // of them after the next start
}

// shown is how many violations of one phase are written out.
const shown = 20

func (r *report) add(phase string, wrongs ...string) {
	r.Broken[phase] += len(wrongs)
	for _, w := range wrongs[:min(len(wrongs), shown)] {
		r.Violations = append(r.Violations, phase+": "+w)
	}
}

// count sums up the main phase.
func (r *report) count(answers []answer, faults []fault) {
	r.Endings, r.Failures = make(map[ending]int), make(map[string]int)
	for _, a := range answers {
		r.Requests++
		if a.Stream {
			r.Streams++
		}
		r.Endings[a.How]++
		if a.How != served {
			r.Failures[a.Provider+" "+a.Cause]++
		}
		if s := a.Stall.Seconds(); s > r.Stall.Seconds {
			r.Stall = stall{s, a.Endpoint}
		}
	}
	for _, k := range allKinds {
		r.Faults = append(r.Faults, line(k, answers, faults))
	}
}

func line(k kind, answers []answer, faults []fault) faultLine {
	l := faultLine{Kind: k}
	var served, changes []time.Duration
	for _, f := range faults {
		if f.Kind != k {
			continue
		}
		l.Count++
		if next, ok := nextServed(answers, f); ok {
			served = append(served, next.End.Sub(f.Begin))
		}
		if f.Took > 0 {
			changes = append(changes, f.Took)
		}
	}
	l.P50, l.Max = median(served)
	l.Change, _ = median(changes)
	return l
}

// median returns the middle and the largest, in milliseconds.
func median(all []time.Duration) (middle, largest float64) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return ms(all[len(all)/2]), ms(all[len(all)-1])
}

func (r *report) write(out io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // the error comes again from Flush
	p("requests\t%d, %d of them streams\n", r.Requests, r.Streams)
	p("answers\t%s\n", counts(r.Endings))
	p("failures\t%s\n", cmp.Or(counts(r.Failures), "none"))
	p("longest stall\t%.2f s, at %s\n", r.Stall.Seconds, r.Stall.Endpoint)
	p("\nFAULT\tCOUNT\tNEXT SERVED p50\tmax\tCHANGE p50\n")
	for _, l := range r.Faults {
		if l.Count > 0 {
			p("%s\t%d\t%.0f ms\t%.0f ms\t%s\n", l.Kind, l.Count, l.P50, l.Max, orDash(l.Change))
		}
	}
	p("\nHOST\tGOROUTINES\tFILES\tPLUGINS\tFOLDERS\tSOCKETS\n")
	for i, t := range []traces{r.Before, r.After} {
		p("%s\t%d\t%d\t%d\t%d\t%d\n", []string{"before", "after"}[i], t.Goroutines, t.Files, t.Plugins, t.Folders, t.Sockets)
	}
	p("\nSIGTERM under load\t%d in flight, %d of them served, %d came too late; ended after %.1f s\n", r.Stop.InFlight, r.Stop.Served, r.Stop.Refused, r.Stop.Took)
	p("SIGKILL under load\t%d plugin processes gone after %.1f s; %d of %d folders left after the next start\n", r.Death.Processes, r.Death.Gone, r.Death.Left, r.Death.Folders)
	p("\n")
	for _, v := range r.Violations {
		p("VIOLATION: %s\n", v)
	}
	if len(r.Violations) == 0 {
		p("chaos: ok (seed %d)\n", r.Seed)
	} else {
		p("chaos: FAILED, violations: %s (seed %d)\n", counts(r.Broken), r.Seed)
	}
	return w.Flush()
}

func orDash(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// counts writes a map in the order of its keys: "failed 3, served 10".
func counts[K cmp.Ordered](m map[K]int) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if m[k] > 0 {
			all = append(all, fmt.Sprintf("%v %d", k, m[k]))
		}
	}
	return strings.Join(all, ", ")
}
