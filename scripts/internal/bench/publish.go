package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The places that figures are published in lie between these marks.
const (
	publishBegin = "<!-- written by scripts/bench -publish: begin -->\n"
	publishEnd   = "<!-- written by scripts/bench -publish: end -->\n"
)

// inShort are the measures that the first page names, in its words.
var inShort = []struct{ measure, words string }{
	{aimCPU, "CPU of a request, 64 at once, by that of `httputil.ReverseProxy` in one process"},
	{aimCPUFast, "the same, by that of a bare fasthttp proxy"},
	{aimAdded, "what it adds to the median answer time, one request at a time, by what `httputil.ReverseProxy` adds"},
	{aimChunk50, "CPU of a chunk of 50 streams, by `httputil.ReverseProxy`'s"},
	{aimIdle, "memory of an idle stream in host and plugin, KB"},
	{aimStart, "every plugin ready, from nothing, ms"},
	{aimClosed, "from a caller's disconnect until the service's connection is closed, 99 of 100, ms"},
}

// publish writes the figures into the pages below root that have a place for them:
// a few on the first, all of them on the host's.
func (r *results) publish(root string) error {
	aims := r.aims()
	for name, text := range map[string]string{"README.md": shortTable(aims), filepath.Join("host", "README.md"): r.fullTable(aims)} {
		file := filepath.Join(root, name)
		page, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		page, err = replaceBetween(page, text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(file, page, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func replaceBetween(page []byte, text string) ([]byte, error) {
	before, rest, found := bytes.Cut(page, []byte(publishBegin))
	_, after, ended := bytes.Cut(rest, []byte(publishEnd))
	if !found || !ended {
		return nil, fmt.Errorf("no place for figures: the lines %q and %q", strings.TrimSpace(publishBegin), strings.TrimSpace(publishEnd))
	}
	return slices.Concat(before, []byte(publishBegin+text+publishEnd), after), nil
}

func shortTable(aims []aim) string {
	text := "| | figure |\n|---|--:|\n"
	for _, s := range inShort {
		for _, a := range aims {
			if a.Measure == s.measure {
				text += fmt.Sprintf("| %s | %s |\n", s.words, short(a.Median))
			}
		}
	}
	return text
}

func (r *results) fullTable(aims []aim) string {
	text := fmt.Sprintf("Measured with `scripts/bench` on %d processors (%s/%s, %s), %d rounds:\n\n| measure | figure | min..max | aim | further aim | |\n|---|--:|--:|--:|--:|---|\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), r.options.rounds)
	for _, a := range aims {
		sign := "≤"
		if a.MoreIsBetter {
			sign = "≥"
		}
		text += fmt.Sprintf("| %s | %s | %s..%s | %s %v | %s %v | %s |\n", strings.Replace(a.Measure, " / ", " ÷ ", 1), short(a.Median), short(a.Min), short(a.Max),
			sign, a.Reach, sign, a.Stretch, a.Verdict)
	}
	return text
}
