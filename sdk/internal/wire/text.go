package wire

import (
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"
)

// text makes s fit for a protobuf string, which must be valid UTF-8: one bad
// byte from a service's header would otherwise fail the whole message.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

func texts(list []string) []string { return mapSlice(list, text) }

// textMap applies [text] to all keys and values; it copies only if it must.
func textMap(m map[string]string) map[string]string {
	valid := true
	for k, v := range m {
		valid = valid && utf8.ValidString(k) && utf8.ValidString(v)
	}
	if valid {
		return m
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[text(k)] = text(v)
	}
	return out
}

// shorten cuts s to at most limit bytes at a rune's boundary, marks the cut,
// and makes it valid UTF-8.
func shorten(s string, limit int) string {
	s = text(s)
	if len(s) <= limit {
		return s
	}
	const mark = "..."
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// duration is absent rather than zero: zero means that nothing was said.
func duration(d time.Duration) *durationpb.Duration {
	if d <= 0 {
		return nil
	}
	return durationpb.New(d)
}

// mapSlice converts each element; empty gives nil, so that both sides of a
// round trip are equal.
func mapSlice[A, B any](list []A, convert func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = convert(v)
	}
	return out
}
