package session

import (
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// begin starts a field that holds a message: its length is not known before it is
// written. hint guesses it; a good guess saves [finish] from moving the message.
func begin(b []byte, number protowire.Number, hint int) (out []byte, start int) {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	for range protowire.SizeVarint(uint64(hint)) {
		b = append(b, 0)
	}
	return b, len(b)
}

// finish writes the length of the message that begins at start. hint is what
// begin was told.
func finish(b []byte, start, hint int) []byte {
	size := uint64(len(b) - start)
	room, need := protowire.SizeVarint(uint64(hint)), protowire.SizeVarint(size)
	first := start - room
	if room != need {
		for range need - room {
			b = append(b, 0)
		}
		copy(b[first+need:], b[start:start+int(size)])
		b = b[:first+need+int(size)]
	}
	protowire.AppendVarint(b[:first], size)
	return b
}

func appendUint(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

func appendBool(b []byte, number protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	return appendUint(b, number, 1)
}

func appendBytes(b []byte, number protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}

// appendString makes s fit for protobuf: one bad byte from a service's header
// would otherwise end the session.
func appendString(b []byte, number protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), text(s))
}

func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

// appendDuration writes nothing if there is no limit to tell of.
func appendDuration(b []byte, number protowire.Number, d time.Duration) []byte {
	if d <= 0 {
		return b
	}
	b, start := begin(b, number, 0)
	b = appendUint(b, 1, uint64(d/time.Second))
	b = appendUint(b, 2, uint64(d%time.Second))
	return finish(b, start, 0)
}

func appendMap(b []byte, number protowire.Number, m map[string]string) []byte {
	for k, v := range m {
		var start int
		b, start = begin(b, number, 0)
		b = appendString(b, 1, k)
		b = appendString(b, 2, v)
		b = finish(b, start, 0)
	}
	return b
}

// appendEnvelope writes all of a request but its body.
func appendEnvelope(b []byte, number protowire.Number, r *provider.Request) []byte {
	b, start := begin(b, number, 0)
	b = appendString(b, 1, r.Endpoint)
	b = appendUint(b, 2, r.Revision)
	b = appendString(b, 3, r.Operation)
	b = appendString(b, 4, r.Model)
	b = appendString(b, 5, r.RequestID)
	b = appendUint(b, 6, uint64(uint32(max(r.Attempt, 0))))
	b = appendDuration(b, 7, r.Timeout)
	if !r.Credential.IsZero() {
		b = protowire.AppendString(protowire.AppendTag(b, 8, protowire.BytesType), r.Credential.Reveal())
	}
	b = appendMap(b, 9, r.Header)
	b = appendString(b, 10, r.ContentType)
	b = appendDuration(b, 11, r.ConnectTimeout)
	return finish(b, start, 0)
}

// maxEnvelope is the most bytes of an envelope that a session carries. It travels
// whole: with what waits before it, it stays below the limit that every plugin has
// for a message, which no caller's long model name may pass for all others.
const maxEnvelope = 256 << 10

// envelopeSize is the size of an envelope's texts.
func envelopeSize(r *provider.Request) int {
	n := len(r.Endpoint) + len(r.Operation) + len(r.Model) + len(r.RequestID) + len(r.Credential.Reveal()) + len(r.ContentType)
	for name, value := range r.Header {
		n += len(name) + len(value)
	}
	return n
}

func appendMeta(b []byte, number protowire.Number, m *provider.Meta) []byte {
	b, start := begin(b, number, 0)
	b = appendUint(b, 1, uint64(int32(m.Status)))
	b = appendString(b, 2, m.RequestID)
	b = appendString(b, 3, m.Model)
	b = appendString(b, 4, m.FinishReason)
	b = appendUsage(b, 5, m.Usage)
	for i := range m.RateLimits {
		b = appendRateLimit(b, 6, &m.RateLimits[i])
	}
	b = appendMap(b, 7, m.Header)
	return finish(b, start, 0)
}

func appendUsage(b []byte, number protowire.Number, u *provider.Usage) []byte {
	if u == nil {
		return b
	}
	b, start := begin(b, number, 0)
	b = appendUint(b, 1, uint64(u.Input))
	b = appendUint(b, 2, uint64(u.Output))
	b = appendUint(b, 3, uint64(u.Total))
	b = appendUint(b, 4, uint64(u.Cached))
	b = appendUint(b, 5, uint64(u.CacheWrite))
	b = appendUint(b, 6, uint64(u.Reasoning))
	return finish(b, start, 0)
}

func appendRateLimit(b []byte, number protowire.Number, r *provider.RateLimit) []byte {
	b, start := begin(b, number, 0)
	b = appendString(b, 1, r.Meter)
	b = appendUint(b, 2, uint64(r.Limit))
	b = appendUint(b, 3, uint64(r.Remaining))
	b = appendDuration(b, 4, r.Reset)
	return finish(b, start, 0)
}

// appendEvent writes a StreamResponse. cost is the size of the event's chunks.
func appendEvent(b []byte, number protowire.Number, e *provider.Event, cost int) []byte {
	hint := cost + 4*len(e.Chunks)
	b, start := begin(b, number, hint)
	switch e.Kind {
	case provider.EventStarted:
		b = appendStarted(b, e.Meta)
	case provider.EventData:
		var data int
		b, data = begin(b, 2, hint)
		for _, c := range e.Chunks {
			b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), c)
		}
		b = finish(b, data, hint)
	case provider.EventUsage:
		b = appendUsage(b, 3, e.Usage)
	case provider.EventHeartbeat:
		b = protowire.AppendBytes(protowire.AppendTag(b, 4, protowire.BytesType), nil)
	case provider.EventFinished:
		b = appendFinished(b, e.Finish)
	}
	return finish(b, start, hint)
}

func appendStarted(b []byte, m *provider.Meta) []byte {
	b, start := begin(b, 1, 0)
	if m == nil {
		m = &provider.Meta{}
	}
	b = appendMeta(b, 1, m)
	return finish(b, start, 0)
}

func appendFinished(b []byte, f *provider.Finish) []byte {
	b, start := begin(b, 5, 0)
	if f != nil {
		b = appendString(b, 1, f.Reason)
		b = appendUsage(b, 2, f.Usage)
	}
	return finish(b, start, 0)
}
