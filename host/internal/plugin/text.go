package plugin

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes text of a plugin safe for a log or a terminal: one line,
// valid UTF-8, control characters written as escapes, at most limit bytes.
func printable(s string, limit int) string {
	cut := false
	if len(s) > limit {
		s, cut = s[:limit], true
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if strings.ContainsFunc(s, unsafeRune) {
		s = escape(s)
	}
	if cut {
		s += " … [cut]"
	}
	return s
}

// unsafeRune reports whether r could end a line, move the cursor, or hide text.
func unsafeRune(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }

func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unsafeRune(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// firstLine returns the first line of s that is not blank.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}
