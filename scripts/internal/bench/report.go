package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// column is one column of a case's table: the median over rounds of values.
type column struct {
	head   string
	format string
	values func(r *results, c, t string) []float64
}

func plain(head, format string, f figure) column {
	return column{head, format, func(r *results, c, t string) []float64 { return r.rounds(c, t, f) }}
}

// added is how much more than directly.
func added(f figure) column {
	return column{"added", "%+.0f", func(r *results, c, t string) []float64 { return r.added(c, t, f) }}
}

func times(head string, f figure, other string) column {
	return column{head, "%.2f", func(r *results, c, t string) []float64 { return r.ratios(c, t, other, f) }}
}

var cpuColumns = []column{plain("CPU us", "%.2f", cpu), times("x reverseproxy", cpu, reverseproxy), times("x fasthttp", cpu, fasthttpName),
	plain("host", "%.2f", cpuHost), plain("plugin", "%.2f", cpuPlugin)}

var (
	unaryColumns = slices.Concat([]column{plain("requests/s", "%.0f", perSecond), times("x direct", perSecond, direct),
		plain("p50 us", "%.0f", p50), added(p50), plain("p99 us", "%.0f", p99), added(p99)}, cpuColumns)
	streamColumns = slices.Concat([]column{plain("chunks/s", "%.0f", perSecond), times("x direct", perSecond, direct),
		plain("first us", "%.0f", first), added(first)}, cpuColumns)
	firstColumns = slices.Concat([]column{plain("streams/s", "%.0f", perSecond), times("x direct", perSecond, direct),
		plain("first us", "%.0f", first), added(first), plain("whole us", "%.0f", p50), added(p50)}, cpuColumns)
	pacedColumns = slices.Concat([]column{plain("delay p50 us", "%.0f", delayP50), added(delayP50), plain("p99 us", "%.0f", delayP99),
		added(delayP99)}, cpuColumns)
	idleColumns        = []column{plain("KB each", "%.1f", kbEach), plain("host", "%.1f", kbHost), plain("plugin", "%.1f", kbPlugin)}
	objectColumns      = []column{plain("host", "%.1f", objectsHost), plain("plugin", "%.1f", objectsPlugin)}
	chunkObjectColumns = []column{plain("host", "%.3f", objectsHost), plain("plugin", "%.3f", objectsPlugin)}
	bodiesColumns      = []column{plain("together", "%.0f", peak), plain("host", "%.0f", peakHost), plain("plugin", "%.0f", peakPlugin),
		plain("answered", "%.0f", answered), plain("refused", "%.0f", refused)}
	startColumns      = []column{plain("ready ms", "%.0f", readyAfter)}
	disconnectColumns = []column{plain("p50 ms", "%.2f", closedP50), plain("p99 ms", "%.2f", closedP99),
		plain("p99 before the first chunk", "%.2f", closedEarly), plain("p99 amid a stream", "%.2f", closedMid)}
)

// writeTables prints a table of each case, and the table of the aims.
func (r *results) writeTables(w io.Writer) {
	for _, c := range r.cases {
		r.writeCase(w, c)
	}
	_, _ = fmt.Fprintf(w, "%d rounds; a figure is the median over them, a ratio is taken inside a round.%s\n\n", r.options.rounds, r.calm())
	writeAims(w, r.aims())
}

func (r *results) writeCase(w io.Writer, c benchCase) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "%s: %s\n", c.name, c.about)
	_, _ = fmt.Fprint(tab, "\t")
	for _, column := range c.columns {
		_, _ = fmt.Fprintf(tab, "%s\t", column.head)
	}
	for _, t := range r.targets {
		if r.byCase[c.name][t] == nil {
			continue
		}
		_, _ = fmt.Fprintf(tab, "\n%s\t", t)
		for _, column := range c.columns {
			text := ""
			if values := column.values(r, c.name, t); len(values) > 0 {
				text = fmt.Sprintf(column.format, median(values))
			}
			_, _ = fmt.Fprintf(tab, "%s\t", text)
		}
	}
	_, _ = fmt.Fprint(tab, "\n\n")
	_ = tab.Flush()
}

// calm says how much the rest of the machine disturbed, on a line of its own.
func (r *results) calm() string {
	usual, most := r.machine.others()
	if most == 0 {
		return "" // nothing was measured that it could disturb
	}
	text := fmt.Sprintf("\nOther processes took %.0f %% of the processors, at most %.0f %%.", usual*100, most*100)
	if usual > 0.1 {
		text += " That is a lot: measure again when the machine is calm."
	}
	return text
}

// writeJSON prints everything: of each case, target and figure the median and the
// range over rounds, and the aims.
func (r *results) writeJSON(w io.Writer) error {
	all := map[string]map[string]map[figure]spreadOf{}
	for c, targets := range r.byCase {
		all[c] = map[string]map[figure]spreadOf{}
		for t, measured := range targets {
			all[c][t] = map[figure]spreadOf{}
			for f := range measured[0] {
				all[c][t][f] = spreadAmong(r.rounds(c, t, f))
			}
		}
	}
	usual, most := r.machine.others()
	return encode(w, map[string]any{"rounds": r.options.rounds, "seconds": r.options.duration.Seconds(),
		"others_share": spreadOf{Median: usual, Max: most}, "cases": all, "aims": r.aims()})
}

func encode(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// short prints a figure with three digits that count.
func short(value float64) string {
	if value == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(value))))
	return fmt.Sprintf("%.*f", max(0, digits), value)
}
