package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// printJSON writes v as indented JSON.
func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table writes rows in aligned columns, with notes between them.
type table struct {
	out   io.Writer
	rows  []string
	notes map[int][]string // by the number of rows above
}

func newTable(out io.Writer, headings ...string) *table {
	t := &table{out: out, notes: make(map[int][]string)}
	t.row(headings...)
	return t
}

// row adds a row; an empty cell shows as a dash, so that columns stay readable
// and the output can be cut by words.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = orDash(c)
	}
	t.rows = append(t.rows, strings.Join(cells, "\t"))
}

// note adds an indented line under the row before it; nothing if value is empty.
func (t *table) note(label, value string) {
	if value != "" {
		t.notes[len(t.rows)] = append(t.notes[len(t.rows)], fmt.Sprintf("  %-9s  %s\n", label, value))
	}
}

// flush writes the table. Notes are put between the rows once these are aligned:
// a line without columns would end those above it.
func (t *table) flush() error {
	var aligned strings.Builder
	w := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, row := range t.rows {
		_, _ = fmt.Fprintln(w, row) // into memory
	}
	_ = w.Flush() // as above
	var text strings.Builder
	n := 0
	for line := range strings.Lines(aligned.String()) {
		text.WriteString(line)
		n++
		text.WriteString(strings.Join(t.notes[n], ""))
	}
	_, err := io.WriteString(t.out, text.String())
	return err
}

// age returns the time since t in one unit: 12s, 5m, 3h, 2d.
func age(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	switch d := time.Since(t); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// seconds returns a duration in seconds in words: 1.2ms, 3.4s.
func seconds(s float64) string { return short(time.Duration(s * float64(time.Second))) }

// short rounds a duration to three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}

// count returns "1 word" or "n words".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// join lists words for a table's cell.
func join(words []string) string { return strings.Join(words, ",") }

// say writes a line to standard error: talk, not a result.
func (s streams) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, format+"\n", args...) // nowhere to report it
}

// orDash shows that there is nothing, where an empty cell would hide it.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
