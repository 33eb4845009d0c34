package config

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Diagnostic is one mistake or warning, with its place in the file. It holds no
// sensitive value: its source lines are masked.
type Diagnostic struct {
	// Warning is true if the configuration can be used all the same.
	Warning bool `json:"warning,omitempty"`
	// Summary is a short title; Detail says what is wrong and what to write.
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	// File, Line and Column of the mistake, counted from 1. Line is 0 if it has
	// no place, such as a file that cannot be read.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Block names the block: endpoint "fast". Path is the setting within it.
	Block string `json:"block,omitempty"`
	Path  string `json:"path,omitempty"`
	// Source is the line of the file; Mark has a caret under each character at
	// fault and may be empty.
	Source string `json:"source,omitempty"`
	Mark   string `json:"mark,omitempty"`
}

// String returns the diagnostic on one line: "file:3:5: error: summary: detail".
func (d Diagnostic) String() string {
	text := d.severity() + ": " + d.Summary
	if at := d.position(); at != "" {
		text = at + ": " + text
	}
	if d.Detail != "" {
		text += ": " + d.Detail
	}
	return text
}

func (d Diagnostic) severity() string {
	if d.Warning {
		return "warning"
	}
	return "error"
}

func (d Diagnostic) position() string {
	if d.Line == 0 {
		return d.File
	}
	return fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column)
}

// Diagnostics are all that is to say about a configuration, in the order of the
// file.
type Diagnostics []Diagnostic

// HasErrors reports whether any of them is not a mere warning.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return !d.Warning })
}

// Err returns an error with all mistakes, nil if there are only warnings.
func (ds Diagnostics) Err() error {
	if !ds.HasErrors() {
		return nil
	}
	return &Error{Diagnostics: ds}
}

// Error is a configuration that cannot be used.
type Error struct{ Diagnostics Diagnostics }

// Error returns the mistakes, one a line, without warnings.
func (e *Error) Error() string {
	var lines []string
	for _, d := range e.Diagnostics {
		if !d.Warning {
			lines = append(lines, d.String())
		}
	}
	return strings.Join(lines, "\n")
}

// Write prints the diagnostics for a person, each with its source line. color
// is for terminals.
func (ds Diagnostics) Write(w io.Writer, color bool) error {
	for i, d := range ds {
		text := d.text(color)
		if i > 0 {
			text = "\n" + text
		}
		if _, err := io.WriteString(w, text); err != nil {
			return fmt.Errorf("print diagnostics: %w", err)
		}
	}
	return nil
}

func (d Diagnostic) text(color bool) string {
	var b strings.Builder
	title, bold, off := "Error", "", ""
	if d.Warning {
		title = "Warning"
	}
	if color {
		bold, off = map[bool]string{false: "\x1b[1;31m", true: "\x1b[1;33m"}[d.Warning], "\x1b[0m"
	}
	fmt.Fprintf(&b, "%s%s:%s %s\n", bold, title, off, d.Summary)
	if at := d.position(); at != "" {
		b.WriteString("  at " + at)
		if d.Block != "" {
			b.WriteString(", in " + d.Block)
		}
		if inner := withoutIndexes(parent(d.Path)); d.Block != "" && inner != "" && !strings.HasSuffix(d.Path, "]") {
			b.WriteString(", " + inner)
		}
		b.WriteString("\n")
	}
	if d.Source != "" {
		fmt.Fprintf(&b, "%6d | %s\n", d.Line, d.Source)
	}
	if d.Mark != "" {
		fmt.Fprintf(&b, "       | %s%s%s\n", bold, d.Mark, off)
	}
	if d.Detail != "" {
		b.WriteString("  " + d.Detail + "\n")
	}
	return b.String()
}

// sorted returns the diagnostics in the order of the file.
func (ds Diagnostics) sorted() Diagnostics {
	out := slices.Clone(ds)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return out
}
