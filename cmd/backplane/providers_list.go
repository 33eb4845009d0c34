package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// printProviders prints a table; with details, each row is followed by lines
// that would not fit a column, as are rows of providers that are not well.
func printProviders(std streams, list []status.Provider, details bool) error {
	t := newTable(std.out, "NAME", "STATE", "VERSION", "PID", "RESTARTS", "IN FLIGHT", "SINCE", "ENDPOINTS")
	for _, p := range list {
		pid := ""
		if p.PID > 0 {
			pid = strconv.Itoa(p.PID)
		}
		t.row(p.Name, string(p.State), p.Version, pid, strconv.FormatUint(p.Restarts, 10),
			strconv.Itoa(p.InFlight), age(p.Since), join(p.Endpoints))
		if details || p.State != status.ProviderReady {
			t.note("reason", p.Reason)
		}
		if p.Development != "" { // loud on purpose
			t.note("WARNING", "in development: "+p.Development)
		}
		if details {
			noteDetails(t, p)
		}
	}
	return t.flush()
}

// noteDetails tells all that is known of a provider's processes.
func noteDetails(t *table, p status.Provider) {
	t.note("binary", p.Path)
	for _, g := range p.Generations {
		t.note("process", sayGeneration(g))
		t.note("uses", sayUsage(g.Usage))
		t.note("confined", strings.Join(g.Confined, ", "))
		for _, missing := range g.Unconfined {
			t.note("missing", missing)
		}
	}
	if p.Crashes > 0 {
		t.note("crashes", strconv.Itoa(p.Crashes)+" in the last 10 minutes")
	}
	if p.TrialUntil != nil {
		t.note("trial", "for "+short(time.Until(*p.TrialUntil).Round(time.Second))+" more, then it is taken as good")
	}
	if p.LastSwap != nil {
		t.note("change", age(p.LastSwap.At)+" ago: "+sayLastSwap(*p.LastSwap))
	}
	t.note("last exit", p.LastExit)
	for i, line := range p.Log {
		t.note(map[bool]string{true: "log"}[i == 0], line)
	}
}

// sayGeneration is one line about a process.
func sayGeneration(g status.Generation) string {
	parts := []string{
		fmt.Sprintf("%d %s", g.PID, g.State), "version " + g.Version, "generation " + strconv.FormatUint(g.ID, 10),
		strconv.Itoa(g.InFlight) + " in flight",
	}
	if g.SHA256 != "" {
		parts = append(parts, "sha256 "+shortSum(g.SHA256)+" ("+g.Kept+")")
	}
	return strings.Join(parts, ", ")
}

// sayUsage is what a process uses, "" where the system does not tell.
func sayUsage(u *status.ProcessUsage) string {
	if u == nil {
		return ""
	}
	return fmt.Sprintf("memory %s, cpu %s, %s, %s",
		schema.FormatSize(u.RSS>>20<<20), seconds(u.CPU), count(u.Files, "file"), count(u.Threads, "thread"))
}

// sayLastSwap says what the latest change was and what has become of it.
func sayLastSwap(s status.Swap) string {
	text := sayProcess(s.To)
	if s.From != nil {
		text = s.From.Version + " -> " + text
	}
	if s.RolledBack != "" {
		text += "; rolled back: " + s.RolledBack
	}
	return text
}
