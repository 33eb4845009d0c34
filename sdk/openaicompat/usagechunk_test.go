package openaicompat

import (
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestUsageThatWasAskedForIsSentThoughTheServiceHasAnotherWay(t *testing.T) {
	t.Parallel()
	const last = `{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}}`
	const own = `{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`
	for name, tt := range map[string]struct {
		body, answer string
		chunks       int
	}{
		"asked":                      {`{"model":"m","stream_options":{"include_usage":true}}`, last, 2},
		"not asked":                  {`{"model":"m"}`, last, 1},
		"refused":                    {`{"model":"m","stream_options":{"include_usage":false}}`, last, 1},
		"asked, and the service has": {`{"model":"m","stream_options":{"include_usage":true}}`, last + "\n\ndata: " + own, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, answerSSE("data: "+tt.answer+"\n\n", "data: [DONE]\n\n"))
			e := s.open(t, dialect(func(d *Dialect) { d.NoStreamUsage = true }), nil)
			out := &sink{}
			if _, err := e.Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(tt.body)}, out); err != nil {
				t.Fatal(err)
			}
			if sent := (<-s.requests).body; strings.Contains(sent, "stream_options") {
				t.Errorf("sent %s", sent)
			}
			chunks := out.chunks()
			if len(chunks) != tt.chunks {
				t.Fatalf("got %q", chunks)
			}
			if tt.chunks == 2 && !strings.Contains(chunks[1], `"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}`) {
				t.Errorf("got %s", chunks[1])
			}
		})
	}
}
