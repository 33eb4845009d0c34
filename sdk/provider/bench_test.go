package provider

import (
	"encoding/json"
	"strings"
	"testing"
)

// BenchmarkDecodeChat measures what the typed path costs for a request of a
// usual size.
func BenchmarkDecodeChat(b *testing.B) {
	text := strings.Repeat("Say something about the weather. ", 60)
	body := `{"model":"m","temperature":0.7,"future":{"x":1},"messages":[{"role":"system","content":"` + text + `"},` +
		`{"role":"user","content":[{"type":"text","text":"` + text + `"}]},{"role":"user","content":"` + text + `"}]}`
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var r ChatRequest
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			b.Fatal(err)
		}
	}
}
