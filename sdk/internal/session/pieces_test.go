package session_test

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
)

// TestTheCodecPutsPiecesTogether cuts messages anywhere, one after the other into
// the same memory.
func TestTheCodecPutsPiecesTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var got [][]byte
		in := session.NewIncoming(func(frame []byte) error {
			got = append(got, bytes.Clone(frame))
			return nil
		})
		for range rapid.IntRange(1, 4).Draw(t, "messages") {
			got = nil
			want := rapid.SliceOfN(anyBytes, 0, 30).Draw(t, "frames")
			var message []byte
			for _, frame := range want {
				message = session.AppendFrame(message, frame)
			}
			if err := session.Codec().Unmarshal(cutUp(t, message), in); err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("got %d frames, want %d", len(got), len(want))
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("frame %d: got %d bytes, want %d", i, len(got[i]), len(want[i]))
				}
			}
		}
	})
}

func cutUp(t *rapid.T, message []byte) (pieces mem.BufferSlice) {
	for len(message) > 0 {
		n := rapid.IntRange(1, len(message)).Draw(t, "piece")
		pieces = append(pieces, mem.SliceBuffer(message[:n]))
		message = message[n:]
	}
	return pieces
}

func TestTheCodecIsThatOfProtobufForAllElse(t *testing.T) {
	t.Parallel()
	want := &pb.HealthResponse{Message: "m", Ready: true}
	data, err := session.Codec().Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &pb.HealthResponse{}
	if err := session.Codec().Unmarshal(data, got); err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}
