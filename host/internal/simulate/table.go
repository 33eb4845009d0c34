package simulate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Outcome is a variant with what became of it.
type Outcome struct {
	Variant Variant
	Result  Result
}

// Print writes what became of a world's variants as a table.
func Print(to io.Writer, w World, outcomes []Outcome) error {
	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) } // the error comes again from Flush
	line(w.Name + ": " + w.About + "\n")
	row := func(name string, cell func(Result) string) {
		cells := []string{name}
		for _, o := range outcomes {
			cells = append(cells, cell(o.Result))
		}
		line(cells...)
	}
	names := []string{""}
	for _, o := range outcomes {
		names = append(names, o.Variant.Name)
	}
	line(names...)
	row("clients", func(r Result) string { return fmt.Sprint(r.Clients) })
	row("answered", func(r Result) string { return fmt.Sprint(r.Served) })
	row("goodput", func(r Result) string { return fmt.Sprintf("%.1f %%", 100*r.Goodput) })
	row("calls per request", func(r Result) string { return fmt.Sprintf("%.2f", float64(r.Attempts)/float64(max(r.Requests, 1))) })
	row("429s of the service", func(r Result) string { return fmt.Sprint(r.RateLimited) })
	row("wait of the answered, p50 / p95 / max", func(r Result) string { return r.Waits.String() })
	row("wait for a refusal, p50 / p95 / max", func(r Result) string { return r.Told.String() })
	row("arrival to answer, p50 / p95 / max", func(r Result) string { return r.Latency.String() })
	row("failed requests", func(r Result) string {
		var parts []string
		for _, code := range codes(r.Errors) {
			parts = append(parts, fmt.Sprintf("%s %d", code, r.Errors[code]))
		}
		return strings.Join(parts, ", ")
	})
	return t.Flush()
}

// String writes the times in seconds.
func (s Spread) String() string {
	return fmt.Sprintf("%s / %s / %s s", seconds(s.P50), seconds(s.P95), seconds(s.Max))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// Expectation is the least that a variant must reach; zero fields are not
// looked at.
type Expectation struct {
	// Goodput of at least this share; GoodputBelow shows what a variant does
	// worse.
	Goodput      float64 `json:"goodput"`
	GoodputBelow float64 `json:"goodput_below"`
	// Told is the longest 95th percentile of waits for a refusal, in seconds.
	Told float64 `json:"told"`
	// RateLimited is the largest number of 429s per thousand answers.
	RateLimited float64 `json:"rate_limited_per_1000"`
	// CallsPerRequest is the largest amplification.
	CallsPerRequest float64 `json:"calls_per_request"`
}

// Missed lists what the result did not reach, in words.
func (e Expectation) Missed(r Result) []string {
	var missed []string
	check := func(wanted bool, format string, args ...any) {
		if !wanted {
			missed = append(missed, fmt.Sprintf(format, args...))
		}
	}
	check(r.Goodput >= e.Goodput, "goodput %.3f, expected at least %g", r.Goodput, e.Goodput)
	check(e.GoodputBelow == 0 || r.Goodput < e.GoodputBelow, "goodput %.3f, expected below %g", r.Goodput, e.GoodputBelow)
	check(e.Told == 0 || r.Told.P95.Seconds() <= e.Told, "refused after %s, expected within %g s", r.Told, e.Told)
	limited := 1000 * float64(r.RateLimited) / float64(max(r.Served, 1))
	check(e.RateLimited == 0 || limited <= e.RateLimited, "%.1f rate limit errors per 1000 answers, expected at most %g", limited, e.RateLimited)
	calls := float64(r.Attempts) / float64(max(r.Requests, 1))
	check(e.CallsPerRequest == 0 || calls <= e.CallsPerRequest, "%.3f calls per request, expected at most %g", calls, e.CallsPerRequest)
	return missed
}
