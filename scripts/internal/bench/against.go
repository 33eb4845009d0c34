package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// The targets of a comparison. The other revision takes part twice: what makes a
// difference between two runs of one program is noise.
const (
	newBuild   = "this tree"
	oldBuild   = "other"
	oldControl = "other again"
)

// compareRevisions measures this tree beside another revision.
func compareRevisions(ctx context.Context, o options) error {
	old, remove, err := buildRevision(ctx, o.against)
	defer remove()
	if err != nil {
		return err
	}
	w, err := newWorld(ctx, map[string]string{newBuild: o.bin, oldBuild: old, oldControl: old})
	if err != nil {
		return err
	}
	defer w.stop()
	if err := w.startTargets(newBuild, oldBuild, oldControl); err != nil {
		return err
	}
	r, err := w.measureAll(o)
	if err != nil {
		return err
	}
	all := r.comparisons()
	if o.json {
		err = encode(os.Stdout, all)
	} else {
		writeComparisons(os.Stdout, o.against, all)
		fmt.Println(r.calm())
	}
	if worse := worseThan(all, o.failAbove); len(worse) > 0 && err == nil {
		err = fmt.Errorf("worse than %s by more than %v: %s", o.against, o.failAbove, strings.Join(worse, "; "))
	}
	return err
}

// buildRevision builds a revision in a worktree of its own, with its own
// scripts/build. remove, which is never nil, removes both.
func buildRevision(ctx context.Context, revision string) (bin string, remove func(), err error) {
	progress("building %s", revision)
	remove = func() {}
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}").Output()
	if err != nil {
		return "", remove, fmt.Errorf("flag -against: there is no revision %q in this repository", revision)
	}
	dir, err := os.MkdirTemp("", "bp-against")
	if err != nil {
		return "", remove, err
	}
	tree := filepath.Join(dir, "tree")
	remove = func() {
		// Not with ctx: after an interrupt there is a worktree to remove too.
		_ = exec.Command("git", "worktree", "remove", "--force", tree).Run() // what stays is below dir
		_ = os.RemoveAll(dir)
		_ = exec.Command("git", "worktree", "prune").Run()
	}
	for _, c := range []*exec.Cmd{
		exec.CommandContext(ctx, "git", "worktree", "add", "--quiet", "--detach", tree, strings.TrimSpace(string(commit))),
		exec.CommandContext(ctx, filepath.Join(tree, "scripts", "build")),
	} {
		if out, err := c.CombinedOutput(); err != nil {
			return "", remove, fmt.Errorf("build %s: %s: %w\n%s", revision, strings.Join(c.Args, " "), err, out)
		}
	}
	return filepath.Join(tree, "bin"), remove, nil
}

// comparison is one measure of this tree beside the other revision.
type comparison struct {
	Case   string `json:"case"`
	Figure figure `json:"figure"`
	// Old and New are medians over rounds. Ratio is new by old inside a round,
	// where old is the mean of the two runs of it; Control is one of those by the
	// other.
	Old     float64  `json:"old"`
	New     float64  `json:"new"`
	Ratio   spreadOf `json:"ratio"`
	Control spreadOf `json:"control"`
	// Noise is the ratio that chance may make, such as 0.03 either way; 0 if there
	// was only one round.
	Noise float64 `json:"noise"`
	// Moved is whether the ratio is beyond it, Worse whether to the bad side.
	Moved        bool `json:"moved"`
	Worse        bool `json:"worse"`
	MoreIsBetter bool `json:"more_is_better,omitempty"`
}

// compared are the figures that are compared, where a case has them.
var compared = []struct {
	figure figure
	more   bool
}{
	{cpu, false}, {perSecond, true}, {p50, false}, {p99, false}, {first, false}, {delayP50, false}, {delayP99, false}, {kbEach, false},
	{peak, false}, {objectsHost, false}, {objectsPlugin, false}, {readyAfter, false}, {closedP50, false}, {closedP99, false},
}

func (r *results) comparisons() []comparison {
	var all []comparison
	for _, c := range r.cases {
		for _, f := range compared {
			one := compare(r.rounds(c.name, newBuild, f.figure), r.rounds(c.name, oldBuild, f.figure),
				r.rounds(c.name, oldControl, f.figure), f.more)
			if one.New == 0 || one.Old == 0 || c.tellsNothing(f.figure) {
				continue
			}
			one.Case, one.Figure, one.MoreIsBetter = c.name, f.figure, f.more
			all = append(all, one)
		}
	}
	return all
}

// tellsNothing reports whether the case has the figure without being about it: the
// first byte of an answer in one piece, the length of a stream that is paced.
func (c benchCase) tellsNothing(f figure) bool {
	answers := []figure{perSecond, p50, p99, first}
	return f == first && !c.stream || c.paced && slices.Contains(answers, f)
}

// leastNoise is what is called noise at least: nobody acts on less.
const leastNoise = 0.01

// compare compares what was measured in the same rounds. A ratio is beyond the
// noise if its median is farther from 1 than three standard errors of the mean,
// its own or the control's, and than the control's median.
func compare(fresh, old, again []float64, more bool) comparison {
	n := min(len(fresh), len(old), len(again))
	var ratios, controls, both []float64
	for i := range n {
		if fresh[i] <= 0 || old[i] <= 0 || again[i] <= 0 {
			continue
		}
		middle := math.Sqrt(old[i] * again[i])
		both = append(both, middle)
		ratios = append(ratios, fresh[i]/middle)
		controls = append(controls, again[i]/old[i])
	}
	if len(ratios) == 0 {
		return comparison{}
	}
	c := comparison{New: spreadAmong(fresh).Median, Old: median(both), Ratio: spreadAmong(ratios), Control: spreadAmong(controls), MoreIsBetter: more}
	if len(ratios) < 2 {
		return c // one round says nothing about noise
	}
	noise := max(leastNoise, 3*standardError(ratios), 3*standardError(controls), math.Abs(math.Log(c.Control.Median)))
	c.Noise = math.Exp(noise) - 1
	c.Moved = math.Abs(math.Log(c.Ratio.Median)) > noise
	c.Worse = c.Moved && (c.Ratio.Median > 1) != more
	return c
}

// standardError is that of the mean of the ratios' logarithms, of which there are
// two at least.
func standardError(ratios []float64) float64 {
	n := float64(len(ratios))
	var sum, squares float64
	for _, ratio := range ratios {
		sum += math.Log(ratio)
	}
	for _, ratio := range ratios {
		squares += math.Pow(math.Log(ratio)-sum/n, 2)
	}
	return math.Sqrt(squares / (n - 1) / n)
}

// worseThan names the measures that are worse, beyond the noise, by more than the
// ratio; a ratio of 0 finds none.
func worseThan(all []comparison, ratio float64) []string {
	var worse []string
	for _, c := range all {
		by := c.Ratio.Median
		if c.MoreIsBetter {
			by = 1 / by
		}
		if ratio > 0 && c.Worse && by > ratio {
			worse = append(worse, fmt.Sprintf("%s %s x %.2f", c.Case, c.Figure, c.Ratio.Median))
		}
	}
	return worse
}

// writeComparisons prints them as a table.
func writeComparisons(w io.Writer, against string, all []comparison) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(tab, "this tree / %s\told\tnew\tnew / old\tmin..max\tcontrol\tmin..max\tnoise\t\t\n", against)
	for _, c := range all {
		verdict := ""
		switch {
		case c.Worse:
			verdict = "worse"
		case c.Moved:
			verdict = "better"
		}
		_, _ = fmt.Fprintf(tab, "%s %s\t%s\t%s\t%.3f\t%.2f..%.2f\t%.3f\t%.2f..%.2f\t%s\t%s\t\n", c.Case, c.Figure, short(c.Old), short(c.New),
			c.Ratio.Median, c.Ratio.Min, c.Ratio.Max, c.Control.Median, c.Control.Min, c.Control.Max, percent(c.Noise), verdict)
	}
	_ = tab.Flush()
	_, _ = fmt.Fprintln(w, "\nold: two runs of the other revision, their mean; control: one of them by the other. Better and worse are\nwhat lies beyond the noise; the rest may be chance.")
}

func percent(ratio float64) string {
	switch {
	case ratio == 0:
		return "unknown"
	case ratio > 1:
		return "> 100 %"
	}
	return fmt.Sprintf("%.1f %%", ratio*100)
}
