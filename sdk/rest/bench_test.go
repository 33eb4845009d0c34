package rest

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

const benchChunk = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}`

// BenchmarkEventReader reads a stream of 256 chunks that arrived in packets of
// one chunk, of 4 KiB, or of the usual size with CRLF.
func BenchmarkEventReader(b *testing.B) {
	lf := bytes.Repeat([]byte("data: "+benchChunk+"\n\n"), 256)
	crlf := bytes.Repeat([]byte("data: "+benchChunk+"\r\n\r\n"), 256)
	for _, bb := range []struct {
		name string
		data []byte
		size int
	}{
		{"apart", lf, len(lf) / 256}, {"together", lf, 4 << 10}, {"CRLF", crlf, 4 << 10},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.data)))
			b.ReportAllocs()
			for b.Loop() {
				r := NewEventReader(&cutter{data: bb.data, sizes: []int{bb.size}}, 0)
				for {
					if _, err := r.Next(); errors.Is(err, io.EOF) {
						break
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/event")
		})
	}
}
