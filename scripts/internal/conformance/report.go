package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/backplane-dev/backplane/sdk/providertest"
)

// report prints the table and why cases were left out. Its error says which
// plugins failed.
func report(out io.Writer, rows []row) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	write := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format, args...) } // the exit code tells
	write("PLUGIN\tPASSED\tSKIPPED\tFAILED\tSECONDS\n")
	var broken []string
	for _, r := range rows {
		failed := fmt.Sprint(r.count(providertest.Failed))
		if r.broken() {
			broken = append(broken, r.name)
			if r.count(providertest.Failed) == 0 {
				failed = "did not run to its end"
			}
		}
		write("%s\t%d\t%d\t%s\t%.1f\n", r.name, r.count(providertest.Passed), r.count(providertest.Skipped), failed, r.took.Seconds())
	}
	_ = table.Flush() // as above
	_, _ = fmt.Fprintf(out, "\nSkipped, and why:\n%s", skipped(rows))
	if len(broken) > 0 {
		return fmt.Errorf("%d of %d plugins do not conform: %s", len(broken), len(rows), strings.Join(broken, ", "))
	}
	_, _ = fmt.Fprintf(out, "\nall %d plugins conform\n", len(rows)) // as above
	return nil
}

// skipped lists the reasons for which cases were left out, with the cases and the
// plugins.
func skipped(rows []row) string {
	type reason struct {
		text           string
		cases, plugins []string
	}
	var reasons []*reason
	add := func(list []string, s string) []string {
		if slices.Contains(list, s) {
			return list
		}
		return append(list, s)
	}
	for _, r := range rows {
		for _, result := range r.results {
			if result.Outcome != providertest.Skipped {
				continue
			}
			i := slices.IndexFunc(reasons, func(known *reason) bool { return known.text == result.Message })
			if i < 0 {
				i = len(reasons)
				reasons = append(reasons, &reason{text: result.Message})
			}
			reasons[i].cases, reasons[i].plugins = add(reasons[i].cases, result.Case), add(reasons[i].plugins, r.name)
		}
	}
	var text strings.Builder
	for _, why := range reasons {
		who := strings.Join(why.plugins, ", ")
		if len(why.plugins) == len(rows) {
			who = "all"
		}
		_, _ = fmt.Fprintf(&text, "  %s\n    cases: %s\n    of: %s\n", why.text, strings.Join(why.cases, ", "), who)
	}
	return text.String()
}
