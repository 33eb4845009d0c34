package managed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTheLogKeepsTheLastLinesAsTheyCanBeRead(t *testing.T) {
	t.Parallel()
	var r ring
	for _, part := range []string{
		"one\ntw", "o\n\n", "\x1b[32mgreen\x1b[0m text  \r\n", "10%\r20%\r", "tab\there\x07\n", "bad \xff byte\n", strings.Repeat("x", 2*longestLine) + "\nend",
	} {
		if n, err := r.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	want := []string{"one", "two", "green text", "10%", "20%", "tab\there", "bad \uFFFD byte", strings.Repeat("x", longestLine), "end"}
	if got := r.tail(100); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := r.tail(2); len(got) != 2 || got[1] != "end" {
		t.Errorf("got %q", got)
	}
	for i := range 3 * ringLines {
		_, _ = fmt.Fprintf(&r, "\nline %d", i) // it never fails
	}
	got := r.tail(10 * ringLines)
	if len(got) != ringLines+1 || got[0] != fmt.Sprintf("line %d", 2*ringLines-1) || got[ringLines] != fmt.Sprintf("line %d", 3*ringLines-1) {
		t.Errorf("got %d lines, %q to %q", len(got), got[0], got[len(got)-1])
	}
}

func FuzzTheLogTakesAnything(f *testing.F) {
	f.Add([]byte("a\nb\r\x1b[1mc"), 3)
	f.Add([]byte("\x1b[\n\x1b\n\xc3"), 1)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		cut = max(0, min(cut, len(data)))
		var r ring
		_, _ = r.Write(data[:cut]) // it never fails
		_, _ = r.Write(data[cut:]) // as above
		for _, line := range r.tail(ringLines) {
			if line == "" || !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\x1b") || len(line) > 3*longestLine {
				t.Errorf("got the line %q", line)
			}
		}
	})
}
