package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// dataOf reads server-sent events the way the standard says, and returns the
// data of each; events without data are none.
func dataOf(text string) []string {
	var all, lines []string
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			if lines != nil {
				all = append(all, strings.Join(lines, "\n"))
			}
			lines = nil
			continue
		}
		if value, ok := strings.CutPrefix(line, "data:"); ok {
			lines = append(lines, strings.TrimPrefix(value, " "))
		}
	}
	return all
}

// FuzzEventsArriveAsTheyWereSent: whatever bytes a plugin sends as chunks, a
// reader gets exactly those, line ends apart, and then the end.
func FuzzEventsArriveAsTheyWereSent(f *testing.F) {
	f.Add(`{"a":1}`, `{"b":2}`)
	f.Add("{\n\r\n\r}", "data: evil\n\ndata: [DONE]")
	f.Add("", "[DONE]")
	f.Add(": comment", "event: x\r\rid: 1")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, path := range []string{"/v1/chat/completions", "/v1/responses"} {
			w := httptest.NewRecorder()
			streamTo(w, path, helloStream, chunks(a, b), finished())
			var want []string
			for _, chunk := range []string{a, b} {
				chunk = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimSpace(chunk))
				if chunk != "" && chunk != "[DONE]" {
					want = append(want, chunk)
				}
			}
			if path == "/v1/chat/completions" {
				want = append(want, "[DONE]")
			}
			if got := dataOf(w.Body.String()); strings.Join(got, "\x00|") != strings.Join(want, "\x00|") {
				t.Fatalf("%s: %q, %q: got %q, want %q", path, a, b, got, want)
			}
		}
	})
}
