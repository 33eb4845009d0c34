package session_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// anyText has texts that are no UTF-8 too: services send such headers.
var anyText = rapid.OneOf(rapid.String(), rapid.Just("\xff\xfe bad"), rapid.StringN(100, 300, -1))

var (
	anyTexts    = rapid.MapOfN(rapid.String(), anyText, 0, 4)
	anyBytes    = rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 40), rapid.Map(rapid.IntRange(0, 40000), func(n int) []byte { return make([]byte, n) }))
	anyDuration = rapid.Map(rapid.Int64Range(-5, 1<<62), func(n int64) time.Duration { return time.Duration(n) })
)

var anyRequest = rapid.Custom(func(t *rapid.T) *provider.Request {
	return &provider.Request{
		Endpoint: anyText.Draw(t, "endpoint"), Revision: rapid.Uint64().Draw(t, "revision"),
		Operation: anyText.Draw(t, "operation"), Model: anyText.Draw(t, "model"), RequestID: anyText.Draw(t, "request id"),
		Attempt: rapid.IntRange(-1, 9).Draw(t, "attempt"), Timeout: anyDuration.Draw(t, "timeout"),
		ConnectTimeout: anyDuration.Draw(t, "connect timeout"),
		Credential:     provider.NewSecret(rapid.StringN(0, 20, -1).Draw(t, "credential")),
		Header:         anyTexts.Draw(t, "header"), ContentType: anyText.Draw(t, "content type"), Body: anyBytes.Draw(t, "body"),
	}
})

var anyUsage = rapid.Custom(func(t *rapid.T) *provider.Usage {
	n := func(name string) int64 { return rapid.Int64().Draw(t, name) }
	return &provider.Usage{Input: n("input"), Output: n("output"), Total: n("total"), Cached: n("cached"),
		CacheWrite: n("cache write"), Reasoning: n("reasoning")}
})

var anyMeta = rapid.Custom(func(t *rapid.T) *provider.Meta {
	return &provider.Meta{
		Status: int(rapid.Int32().Draw(t, "status")), RequestID: anyText.Draw(t, "request id"), Model: anyText.Draw(t, "model"),
		FinishReason: anyText.Draw(t, "finish reason"), Usage: rapid.Ptr(rapid.Map(anyUsage, func(u *provider.Usage) provider.Usage { return *u }), true).Draw(t, "usage"),
		RateLimits: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) provider.RateLimit {
			return provider.RateLimit{Meter: anyText.Draw(t, "meter"), Limit: rapid.Int64().Draw(t, "limit"),
				Remaining: rapid.Int64().Draw(t, "remaining"), Reset: anyDuration.Draw(t, "reset")}
		}), 0, 3).Draw(t, "limits"),
		Header: anyTexts.Draw(t, "header"),
	}
})

// TestFramesAreWhatGeneratedCodeWrites compares each frame, as generated code
// reads it, with the message that the plain RPC would carry.
func TestFramesAreWhatGeneratedCodeWrites(t *testing.T) {
	t.Parallel()
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			req := anyRequest.Draw(t, "request")
			n := rapid.IntRange(0, len(req.Body)).Draw(t, "piece")
			id, timeout := rapid.Uint64().Draw(t, "id"), rapid.Int64Min(0).Draw(t, "timeout")
			mode := rapid.SampledFrom([]pb.Mode{pb.Mode_MODE_CALL, pb.Mode_MODE_STREAM}).Draw(t, "mode")
			open := &pb.SessionOpen{Mode: mode, Envelope: wire.ToEnvelope(req), Body: req.Body[:n], Credit: 7}
			if timeout > 0 {
				open.Timeout = durationpb.New(time.Duration(timeout))
			}
			if n < len(req.Body) {
				open.BodySize = uint64(len(req.Body))
			}
			sameRequest(t, session.AppendOpen(nil, id, mode, req, req.Body[:n], 7, time.Duration(timeout)),
				&pb.RequestFrame{Id: id, Frame: &pb.RequestFrame_Open{Open: open}, End: n == len(req.Body)})
		})
	})
	t.Run("result", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			res := &provider.Response{Meta: *anyMeta.Draw(t, "meta"), ContentType: anyText.Draw(t, "type"), Body: anyBytes.Draw(t, "body")}
			n := rapid.IntRange(0, len(res.Body)).Draw(t, "piece")
			id := rapid.Uint64().Draw(t, "id")
			result := wire.ToResponse(res)
			result.Body = res.Body[:n]
			want := &pb.ResponseFrame{Id: id, Frame: &pb.ResponseFrame_Result{Result: result}, End: n == len(res.Body)}
			if !want.End {
				want.BodySize = uint64(len(res.Body))
			}
			sameResponse(t, session.AppendResult(nil, id, res, res.Body[:n]), want)
		})
	})
	t.Run("event", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			e := provider.Event{Kind: rapid.SampledFrom([]provider.EventKind{provider.EventStarted, provider.EventData,
				provider.EventUsage, provider.EventHeartbeat, provider.EventFinished}).Draw(t, "kind")}
			switch e.Kind {
			case provider.EventStarted:
				e.Meta = anyMeta.Draw(t, "meta")
			case provider.EventData:
				e.Chunks = rapid.SliceOfN(anyBytes, 0, 5).Draw(t, "chunks")
			case provider.EventUsage:
				e.Usage = anyUsage.Draw(t, "usage")
			case provider.EventFinished:
				e.Finish = &provider.Finish{Reason: anyText.Draw(t, "reason"), Usage: anyUsage.Draw(t, "usage")}
			}
			id := rapid.Uint64().Draw(t, "id")
			sameResponse(t, session.AppendEvent(nil, id, e), &pb.ResponseFrame{Id: id, End: e.Kind == provider.EventFinished,
				Frame: &pb.ResponseFrame_Event{Event: wire.ToEvent(e)}})
		})
	})
}

func TestSmallFramesAreWhatGeneratedCodeWrites(t *testing.T) {
	t.Parallel()
	piece := bytes.Repeat([]byte("p"), session.MaxPiece)
	sameRequest(t, session.AppendData(nil, 9, piece, true), &pb.RequestFrame{Id: 9, Frame: &pb.RequestFrame_Data{Data: piece}, End: true})
	sameRequest(t, session.AppendData(nil, 9, nil, true), &pb.RequestFrame{Id: 9, Frame: &pb.RequestFrame_Data{}, End: true})
	sameRequest(t, session.AppendCancel(nil, 9, true), &pb.RequestFrame{Id: 9, Frame: &pb.RequestFrame_Cancel{Cancel: &pb.SessionCancel{Deadline: true}}})
	sameRequest(t, session.AppendCancel(nil, 9, false), &pb.RequestFrame{Id: 9, Frame: &pb.RequestFrame_Cancel{Cancel: &pb.SessionCancel{}}})
	sameRequest(t, session.AppendCredit(nil, 9, 1<<20), &pb.RequestFrame{Id: 9, Frame: &pb.RequestFrame_Credit{Credit: 1 << 20}})
	sameResponse(t, session.AppendData(nil, 9, piece, false), &pb.ResponseFrame{Id: 9, Frame: &pb.ResponseFrame_Data{Data: piece}})
	sameResponse(t, session.AppendEnd(nil, 9), &pb.ResponseFrame{Id: 9, End: true})

	typed := wire.ToStatus(&provider.Error{Code: provider.CodeRateLimit, StatusCode: 429, Message: "slow down", Source: provider.SourceUpstream})
	st := status.Convert(typed)
	detail, ok := st.Details()[0].(*pb.ProviderError)
	if !ok {
		t.Fatalf("detail is %T", st.Details()[0])
	}
	sameResponse(t, session.AppendFailure(nil, 9, typed), &pb.ResponseFrame{Id: 9, End: true, Frame: &pb.ResponseFrame_Error{
		Error: &pb.SessionError{Code: int32(st.Code()), Message: st.Message(), Detail: detail}}})
	sameResponse(t, session.AppendFailure(nil, 9, status.Error(codes.Aborted, "bare")), &pb.ResponseFrame{Id: 9, End: true,
		Frame: &pb.ResponseFrame_Error{Error: &pb.SessionError{Code: int32(codes.Aborted), Message: "bare"}}})
}

// fataler is what tests and property tests have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func sameRequest(t fataler, frame []byte, want *pb.RequestFrame) {
	t.Helper()
	got := &pb.SessionRequest{}
	if err := proto.Unmarshal(frame, got); err != nil {
		t.Fatalf("generated code does not read %x: %v", frame, err)
	}
	if len(got.GetFrames()) != 1 || !proto.Equal(got.GetFrames()[0], want) {
		t.Fatalf("got\n%v\nwant\n%v", got, want)
	}
	minimal(t, frame, got)
}

func sameResponse(t fataler, frame []byte, want *pb.ResponseFrame) {
	t.Helper()
	got := &pb.SessionResponse{}
	if err := proto.Unmarshal(frame, got); err != nil {
		t.Fatalf("generated code does not read %x: %v", frame, err)
	}
	if len(got.GetFrames()) != 1 || !proto.Equal(got.GetFrames()[0], want) {
		t.Fatalf("got\n%v\nwant\n%v", got, want)
	}
	minimal(t, frame, got)
}

// minimal checks that all lengths are written as short as generated code writes
// them, empty fields excepted.
func minimal(t fataler, frame []byte, m proto.Message) {
	t.Helper()
	if size := proto.Size(m); len(frame) > size {
		t.Fatalf("the frame has %d bytes, generated code writes %d", len(frame), size)
	}
}

// equal compares what two decoders made; nothing and an empty value are the same.
func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
