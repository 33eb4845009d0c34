package rest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func readLines(r *LineReader) ([]string, error) {
	var all []string
	for {
		batch, err := r.Next()
		for _, line := range batch {
			all = append(all, string(line))
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return all, err
		}
	}
}

func TestLinesAreReadHoweverTheyAreCut(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		input string
		want  []string
	}{
		"LF":                        {"{\"a\":1}\n{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}},
		"CRLF":                      {"{\"a\":1}\r\n{\"b\":2}\r\n", []string{`{"a":1}`, `{"b":2}`}},
		"a CR is no line end":       {"{\"a\":\r1}\n", []string{"{\"a\":\r1}"}},
		"blank lines and space":     {"\n\n  {\"a\":1}  \n \t\n", []string{`{"a":1}`}},
		"last line without an end":  {"{\"a\":1}\n{\"b\":2}", []string{`{"a":1}`, `{"b":2}`}},
		"byte order mark":           {"\xef\xbb\xbf{\"a\":1}\n", []string{`{"a":1}`}},
		"runes of two to four byte": {"{\"a\":\"ä€😀\"}\n", []string{`{"a":"ä€😀"}`}},
		"nothing":                   {"", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, sizes := range [][]int{{1 << 20}, {1}, {2}, {3, 1}} {
				got, err := readLines(NewLineReader(&cutter{data: []byte(tt.input), sizes: sizes}, 0))
				if err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("in pieces of %v: got %q, %v; want %q", sizes, got, err, tt.want)
				}
			}
		})
	}
}

func TestALineThatWasCutOffIsAnError(t *testing.T) {
	t.Parallel()
	got, err := readLines(NewLineReader(strings.NewReader("{\"a\":1}\n{\"b\":"), 0))
	if !slices.Equal(got, []string{`{"a":1}`}) || provider.AsError(err).Code != provider.CodeProtocol {
		t.Fatalf("got %q, %v; want the whole line, then a protocol error", got, err)
	}
}

func TestALineOverTheLimitIsAnError(t *testing.T) {
	t.Parallel()
	_, err := readLines(NewLineReader(strings.NewReader(`"`+strings.Repeat("x", 5000)+"\"\n"), 4000))
	if !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v, want %v", err, ErrTooLarge)
	}
}

func TestLinesThatArrivedTogetherComeInOneBatch(t *testing.T) {
	t.Parallel()
	r := NewLineReader(strings.NewReader("1\n2\n3\n"), 0)
	batch, err := r.Next()
	if err != nil || len(batch) != 3 {
		t.Fatalf("got %d lines, error %v; want 3 at once", len(batch), err)
	}
}

func FuzzLineReader(f *testing.F) {
	f.Add([]byte("{\"a\":1}\r\n\n[2]"), uint8(2))
	f.Fuzz(func(t *testing.T, input []byte, size uint8) {
		got, err := readLines(NewLineReader(&cutter{data: input, sizes: []int{int(size)}}, 0))
		want, cut := plainLines(input)
		if err != nil && provider.AsError(err).Code != provider.CodeProtocol {
			t.Fatal(err)
		}
		if err == nil {
			if cut != "" {
				want = append(want, cut)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("in pieces of %d: got %q, want %q", size, got, want)
		}
	})
}

// plainLines reads lines the obvious way; the last is apart if it has no end.
func plainLines(input []byte) (lines []string, last string) {
	input = bytes.TrimPrefix(input, []byte("\xef\xbb\xbf"))
	all := bytes.Split(input, []byte("\n"))
	for i, line := range all {
		text := string(bytes.TrimSpace(line))
		switch {
		case i == len(all)-1:
			last = text
		case text != "":
			lines = append(lines, text)
		}
	}
	return lines, last
}
