package http1

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// tokens holds the bytes of which a field name and a method are made (RFC 9110,
// section 5.6.2).
var tokens = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// IsToken reports whether s can be a method or the name of a field.
func IsToken(s string) bool {
	for i := range len(s) {
		if !tokens[s[i]] {
			return false
		}
	}
	return s != ""
}

// isText reports whether c may stand in the value of a field: no control
// character but the tab (RFC 9110, section 5.5).
func isText(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

// IsValue reports whether s can be the value of a field. Line ends would begin
// another field.
func IsValue(s string) bool {
	for i := range len(s) {
		if !isText(s[i]) {
			return false
		}
	}
	return true
}

// trim removes white space at both ends. [strings.Trim] would make a table of what
// that is with each call.
func trim(value string) string {
	for value != "" && isBlank(value[0]) {
		value = value[1:]
	}
	for value != "" && isBlank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// AppendField appends a field line. Name and value must be valid.
func AppendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, trim(value)...)
	return append(b, "\r\n"...)
}

// errFoldedFirst is the error of a header that begins inside a field.
var errFoldedFirst = errors.New("malformed header: its first line begins with white space")

// parseFields reads the field lines of a header up to the blank line with which
// block ends. It changes block: names become canonical and folded lines one. All
// names and values share one string, all lists of values one array.
func parseFields(block []byte) (http.Header, error) {
	if block[0] == ' ' || block[0] == '\t' {
		return nil, errFoldedFirst
	}
	count, size := 0, 0
	for {
		line, next := cutLine(block[size:])
		if len(line) == 0 {
			break
		}
		if err := checkField(line); err != nil {
			return nil, err
		}
		size += next
		count++
	}
	return header(string(block[:size]), count), nil
}

// cutLine returns the first line without its end and where the next one begins.
// A line that goes on in the next one, by beginning with white space there, is
// joined with it, spaces in place of the line end (RFC 9112, section 5.2).
func cutLine(b []byte) (line []byte, next int) {
	for {
		lf := next + bytes.IndexByte(b[next:], '\n')
		next = lf + 1
		end := lf
		if end > 0 && b[end-1] == '\r' {
			end--
		}
		if end == 0 || next == len(b) || b[next] != ' ' && b[next] != '\t' {
			return b[:end], next
		}
		for i := end; i <= lf; i++ {
			b[i] = ' '
		}
	}
}

// checkField looks at a field line and makes its name canonical.
func checkField(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !canonical(line[:colon]) {
		return fmt.Errorf("malformed header line %q", line[:min(len(line), maxExcerpt)])
	}
	for _, c := range line[colon+1:] {
		if !isText(c) {
			return fmt.Errorf("malformed header line %q", line[:min(len(line), maxExcerpt)])
		}
	}
	return nil
}

// canonical writes the name as [http.CanonicalHeaderKey] does, in place. It
// reports false if the name is none.
func canonical(name []byte) bool {
	upper := true
	for i, c := range name {
		switch {
		case !tokens[c]:
			return false
		case upper && 'a' <= c && c <= 'z':
			name[i] = c - 'a' + 'A'
		case !upper && 'A' <= c && c <= 'Z':
			name[i] = c - 'A' + 'a'
		}
		upper = c == '-'
	}
	return true
}

// header makes the map of count lines that were checked.
func header(lines string, count int) http.Header {
	h := make(http.Header, count)
	values := make([]string, count)
	for i := range values {
		line, rest, _ := strings.Cut(lines, "\n")
		lines = rest
		name, value, _ := strings.Cut(line, ":")
		value = trim(strings.TrimSuffix(value, "\r"))
		if before := h[name]; before != nil {
			h[name] = append(before, value)
			continue
		}
		values[i] = value
		h[name] = values[i : i+1 : i+1]
	}
	return h
}
