package main

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedianIsTheMiddleOrTheMeanOfTheTwo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(slices.Clone(c.values)); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestQuantileOfAHundred(t *testing.T) {
	t.Parallel()
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(100-i))
	}
	if got := quantile(values, 0.99); got != 100 {
		t.Errorf("p99 of 1 to 100 = %d, want 100", got)
	}
	if got := quantile(values, 0.5); got != 51 {
		t.Errorf("p50 of 1 to 100 = %d, want 51", got)
	}
}

// Ratios are taken inside a round: a machine that is slower in one of them for all
// targets makes no difference.
func TestRatiosAreThoseOfARound(t *testing.T) {
	t.Parallel()
	r := &results{byCase: map[string]map[string][]figures{}}
	for _, speed := range []float64{1, 5, 3} {
		r.add("unary-c64", backplane, figures{cpu: 40 * speed, p50: 50 * speed})
		r.add("unary-c64", reverseproxy, figures{cpu: 80 * speed, p50: 30 * speed})
		r.add("unary-c64", direct, figures{p50: 10 * speed})
	}
	if got := spreadAmong(r.ratios("unary-c64", backplane, reverseproxy, cpu)); got != (spreadOf{0.5, 0.5, 0.5}) {
		t.Errorf("CPU by the other's = %v, want 0.5 in each round", got)
	}
	if got := spreadAmong(r.addedRatios("unary-c64", backplane, reverseproxy, p50)); got != (spreadOf{2, 2, 2}) {
		t.Errorf("added p50 by the other's = %v, want 2 in each round", got)
	}
	if got := r.ratios("unary-c64", backplane, direct, cpu); len(got) != 0 {
		t.Errorf("ratios to a figure that was not measured = %v, want none", got)
	}
	aims := r.aims()
	if len(aims) != 1 || aims[0].Verdict != reachedStretch || aims[0].Rounds != 3 {
		t.Errorf("aims = %+v, want the one of CPU beside the reverse proxy, stretch, 3 rounds", aims)
	}
}

func TestVerdictsOfAnAim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, reach, stretch float64
		more                  bool
		want                  string
	}{
		{0.70, 1, 0.75, false, reachedStretch}, {0.75, 1, 0.75, false, reachedStretch}, {0.9, 1, 0.75, false, reached}, {1.01, 1, 0.75, false, notReached},
		{0.65, 0.5, 0.6, true, reachedStretch}, {0.5, 0.5, 0.6, true, reached}, {0.49, 0.5, 0.6, true, notReached},
	} {
		if got := newAim("", c.reach, c.stretch, c.more, []float64{c.value}).Verdict; got != c.want {
			t.Errorf("%v against %v and %v (more is better: %v) is %q, want %q", c.value, c.reach, c.stretch, c.more, got, c.want)
		}
	}
}

func TestAComparisonKnowsNoise(t *testing.T) {
	t.Parallel()
	old, again := []float64{100, 102, 98, 101, 99}, []float64{101, 99, 100, 100, 101}
	scaled := func(by float64) (values []float64) {
		for i := range old {
			values = append(values, math.Sqrt(old[i]*again[i])*by)
		}
		return values
	}
	for _, c := range []struct {
		name         string
		fresh        []float64
		more         bool
		moved, worse bool
	}{
		{"the same", again, false, false, false},
		{"a fifth more, where less is better", scaled(1.2), false, true, true},
		{"a fifth more, where more is better", scaled(1.2), true, true, false},
		{"a fifth less, where more is better", scaled(0.8), true, true, true},
		{"half a percent", scaled(1.005), false, false, false},
		{"now more, now less", []float64{150, 70, 130, 80, 125}, false, false, false},
		{"one round", scaled(1.2)[:1], false, false, false},
	} {
		got := compare(c.fresh, old, again, c.more)
		if got.Moved != c.moved || got.Worse != c.worse {
			t.Errorf("%s: moved %v, worse %v, want %v and %v (%+v)", c.name, got.Moved, got.Worse, c.moved, c.worse, got)
		}
	}
}

func TestOnlyWhatIsWorseByMoreFails(t *testing.T) {
	t.Parallel()
	all := []comparison{
		{Case: "a", Figure: cpu, Ratio: spreadOf{Median: 1.2}, Moved: true, Worse: true},
		{Case: "b", Figure: cpu, Ratio: spreadOf{Median: 1.05}, Moved: true, Worse: true},
		{Case: "c", Figure: cpu, Ratio: spreadOf{Median: 1.5}},
		{Case: "d", Figure: perSecond, Ratio: spreadOf{Median: 0.8}, Moved: true, Worse: true, MoreIsBetter: true},
		{Case: "e", Figure: perSecond, Ratio: spreadOf{Median: 1.5}, Moved: true, MoreIsBetter: true},
	}
	if got, want := worseThan(all, 1.1), []string{"a cpu_us x 1.20", "d per_second x 0.80"}; !slices.Equal(got, want) {
		t.Errorf("worse by more than a tenth: %q, want %q", got, want)
	}
	if got := worseThan(all, 0); len(got) != 0 {
		t.Errorf("without a bound %q are worse, want none", got)
	}
}

func TestFiguresArePublishedBetweenTheMarks(t *testing.T) {
	t.Parallel()
	page := "before\n" + publishBegin + "old\n" + publishEnd + "after\n"
	got, err := replaceBetween([]byte(page), "new\n")
	if want := "before\n" + publishBegin + "new\n" + publishEnd + "after\n"; err != nil || string(got) != want {
		t.Errorf("the page is now %q (%v), want %q", got, err, want)
	}
	for _, page := range []string{"", publishBegin, publishEnd} {
		if _, err := replaceBetween([]byte(page), "new\n"); err == nil {
			t.Errorf("a page %q without marks was written to", page)
		}
	}
}

func TestWhatTheFirstPageNamesIsMeasured(t *testing.T) {
	t.Parallel()
	r := &results{byCase: map[string]map[string][]figures{}}
	for _, c := range cases() {
		all := figures{perSecond: 1, p50: 2, cpu: 1, kbEach: 1, objectsHost: 1, objectsPlugin: 1, readyAfter: 1, closedP99: 1, peak: 1}
		for _, name := range []string{backplane, reverseproxy, fasthttpName} {
			r.add(c.name, name, all)
		}
		r.add(c.name, direct, figures{perSecond: 1, p50: 1})
	}
	aims := r.aims()
	for _, s := range inShort {
		if !slices.ContainsFunc(aims, func(a aim) bool { return a.Measure == s.measure }) {
			t.Errorf("%q is no measure with an aim", s.measure)
		}
		if !strings.Contains(shortTable(aims), s.words) {
			t.Errorf("the table of the first page lacks %q", s.words)
		}
	}
}
