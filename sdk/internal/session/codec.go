package session

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Codec is gRPC's codec for protobuf, but a message of a session that comes in
// many pieces is put together in memory that the session has already, and one that
// leaves is in memory of [Buffers]; gRPC's own takes memory for each message and
// clears it. Both ends do without this one, too.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2(proto.Name)} }

type codec struct{ encoding.CodecV2 }

// Marshal implements [encoding.CodecV2].
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ours := v.(*outgoing)
	if !ours {
		return c.CodecV2.Marshal(v)
	}
	b := Buffers.Get(len(m.fields))
	copy(*b, m.fields)
	return mem.BufferSlice{mem.NewBuffer(b, Buffers)}, nil
}

// Unmarshal implements [encoding.CodecV2].
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ours := v.(*incoming)
	switch {
	case !ours:
		return c.CodecV2.Unmarshal(data, v)
	case len(data) == 1:
		m.work(data[0].ReadOnlyData())
	default:
		m.work(m.join(data))
	}
	return nil
}

// join returns the whole of a message. It is valid until the next one comes.
func (m *incoming) join(data mem.BufferSlice) []byte {
	n := data.Len()
	whole := m.whole
	if cap(whole) < n {
		whole = make([]byte, n)
	}
	if cap(whole) <= maxSpare {
		m.whole = whole
	}
	whole = whole[:n]
	data.CopyTo(whole)
	return whole
}
