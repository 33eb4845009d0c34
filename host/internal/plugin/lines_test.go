package plugin

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// collect returns what lines emits for the given writes, cut ones with a mark.
func collect(writes ...string) []string {
	var got []string
	l := &lines{emit: func(line []byte, cut bool) {
		s := string(line)
		if len(s) > 100 {
			s = fmt.Sprintf("%d×%c", len(s), s[0])
		}
		if cut {
			s += " cut"
		}
		got = append(got, s)
	}}
	for _, w := range writes {
		_, _ = l.Write([]byte(w))
	}
	l.flush()
	return got
}

func TestLinesAreCutApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		about  string
		writes []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"one write", []string{"a\nb\r\nc"}, []string{"a", "b", "c"}},
		{"split anywhere", []string{"a", "b\n", "\nc\r", "\n"}, []string{"ab", "", "c"}},
		{"exactly the limit", []string{long, "\nb\n"}, []string{"1048576×x", "b"}},
		{"over the limit", []string{long + "y", "more", "\nb\n"}, []string{"1048576×x cut", "b"}},
		{"over the limit, endless", []string{long, "y", long, long}, []string{"1048576×x cut"}},
		{"over the limit, ended", []string{long + "y\n" + long + "z\nb"}, []string{"1048576×x cut", "1048576×x cut", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.about, func(t *testing.T) {
			t.Parallel()
			if got := collect(tt.writes...); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLinesKeepBoundedMemory(t *testing.T) {
	t.Parallel()
	l := &lines{emit: func([]byte, bool) {}}
	chunk := bytes.Repeat([]byte{'x'}, 32<<10)
	for range 1000 {
		_, _ = l.Write(chunk)
	}
	if cap(l.buf) > roomKept {
		t.Errorf("after the long line %d bytes are kept for the next", cap(l.buf))
	}
	half := bytes.Repeat([]byte{'x'}, maxLine/2)
	_, _ = l.Write([]byte("\n"))
	_, _ = l.Write(half)
	if cap(l.buf) > 2*maxLine {
		t.Errorf("the buffer grew to %d bytes", cap(l.buf))
	}
	if _, _ = l.Write([]byte("\n")); cap(l.buf) > roomKept {
		t.Errorf("after a line within the limit %d bytes are kept for the next", cap(l.buf))
	}
}

func TestRingKeepsTheLatestLines(t *testing.T) {
	t.Parallel()
	r := newRing(3)
	if got := r.last(2); len(got) != 0 {
		t.Errorf("an empty ring has %q", got)
	}
	for i := range 5 {
		r.add(fmt.Sprint(i))
	}
	if got, want := r.last(9), []string{"2", "3", "4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := r.last(2), []string{"3", "4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
