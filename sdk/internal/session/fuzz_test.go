package session_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// FuzzRequest holds the decoder of the plugin's side against generated code: both
// take the same messages and read the same from them.
func FuzzRequest(f *testing.F) {
	req := chat([]byte("{}"))
	req.Header = map[string]string{"x-a": "1", "": ""}
	req.Credential, req.Timeout, req.ConnectTimeout = provider.NewSecret("key"), time.Second, time.Millisecond
	open := session.AppendOpen(nil, 1, pb.Mode_MODE_STREAM, req, req.Body, 1<<18, time.Minute)
	f.Add(open)
	f.Add(session.AppendCredit(session.AppendCancel(session.AppendData(open, 1, []byte("x"), true), 1, true), 1, 5))
	f.Add([]byte("\x0a\x06\x08\x01\x12\x00\x1a\x00")) // two kinds: the last counts
	f.Add([]byte("\x0a\x08\x12\x02\x08\x01\x12\x02\x22\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		want := &pb.SessionRequest{}
		wantErr := proto.Unmarshal(message, want)
		got, err := session.DecodeRequest(message)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got error %v, generated code says %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if len(got) != len(want.GetFrames()) {
			t.Fatalf("got %d frames, want %d", len(got), len(want.GetFrames()))
		}
		for i, frame := range want.GetFrames() {
			if w := requestFrame(frame); !equal(normalRequest(got[i]), normalRequest(w)) {
				t.Errorf("frame %d: got\n%+v\nwant\n%+v", i, got[i], w)
			}
		}
	})
}

// requestFrame is what the frame says, read by generated code.
func requestFrame(f *pb.RequestFrame) session.RequestFrame {
	out := session.RequestFrame{ID: f.GetId(), End: f.GetEnd()}
	switch frame := f.GetFrame().(type) {
	case *pb.RequestFrame_Open:
		o := frame.Open
		out.Kind, out.Mode, out.BodySize, out.Credit = 2, o.GetMode(), o.GetBodySize(), o.GetCredit()
		out.Request, out.Timeout = *wire.FromEnvelope(o.GetEnvelope(), o.GetBody()), o.GetTimeout().AsDuration()
	case *pb.RequestFrame_Data:
		out.Kind, out.Data = 3, frame.Data
	case *pb.RequestFrame_Cancel:
		out.Kind, out.Deadline = 4, frame.Cancel.GetDeadline()
	case *pb.RequestFrame_Credit:
		out.Kind, out.Credit = 5, frame.Credit
	}
	return out
}

// normalRequest makes nothing of what is empty.
func normalRequest(f session.RequestFrame) session.RequestFrame {
	f.Data = full(f.Data)
	f.Request.Body = full(f.Request.Body)
	f.Request.Header = fullMap(f.Request.Header)
	return f
}

// FuzzResponse holds the decoder of the host's side against generated code.
func FuzzResponse(f *testing.F) {
	res := &provider.Response{Meta: provider.Meta{Status: 200, Model: "m", Usage: &provider.Usage{Input: 1},
		RateLimits: []provider.RateLimit{{Meter: "tokens", Limit: 9, Reset: time.Second}}, Header: map[string]string{"a": "b"}}, Body: []byte("{}")}
	f.Add(session.AppendResult(nil, 1, res, res.Body))
	events := session.AppendEvent(nil, 1, provider.Event{Kind: provider.EventStarted, Meta: &res.Meta})
	events = session.AppendEvent(events, 1, provider.Event{Kind: provider.EventData, Chunks: [][]byte{[]byte("a"), nil, []byte("b")}})
	events = session.AppendEvent(events, 1, provider.Event{Kind: provider.EventUsage, Usage: res.Usage})
	events = session.AppendEvent(events, 1, provider.Event{Kind: provider.EventHeartbeat})
	f.Add(session.AppendEvent(events, 1, provider.Event{Kind: provider.EventFinished, Finish: &provider.Finish{Reason: "stop", Usage: res.Usage}}))
	f.Add(session.AppendFailure(nil, 1, wire.ToStatus(provider.Errorf(provider.CodeUpstream, "no"))))
	f.Add(session.AppendEnd(session.AppendData(nil, 1, []byte("x"), false), 1))
	f.Fuzz(func(t *testing.T, message []byte) {
		want := &pb.SessionResponse{}
		wantErr := proto.Unmarshal(message, want)
		got, err := session.DecodeResponse(message)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got error %v, generated code says %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if len(got) != len(want.GetFrames()) {
			t.Fatalf("got %d frames, want %d", len(got), len(want.GetFrames()))
		}
		for i, frame := range want.GetFrames() {
			if w := responseFrame(frame); !equal(normalResponse(got[i]), normalResponse(w)) {
				t.Errorf("frame %d: got\n%+v\nwant\n%+v", i, got[i], w)
			}
		}
	})
}

// responseFrame is what the frame says, read by generated code.
func responseFrame(f *pb.ResponseFrame) session.ResponseFrame {
	out := session.ResponseFrame{ID: f.GetId(), End: f.GetEnd(), BodySize: f.GetBodySize()}
	switch frame := f.GetFrame().(type) {
	case *pb.ResponseFrame_Result:
		out.Kind, out.Response = 2, wire.FromResponse(frame.Result)
	case *pb.ResponseFrame_Data:
		out.Kind, out.Data = 3, frame.Data
	case *pb.ResponseFrame_Event:
		out.Kind = 4
		out.Event, _ = wire.FromEvent(frame.Event)
	case *pb.ResponseFrame_Error:
		out.Kind = 5
		out.Err = failed(frame.Error)
	}
	return out
}

func failed(e *pb.SessionError) error {
	code := codes.Code(e.GetCode())
	if code == codes.OK {
		code = codes.Unknown
	}
	st := status.New(code, e.GetMessage())
	if e.GetDetail() != nil {
		if with, err := st.WithDetails(e.GetDetail()); err == nil {
			st = with
		}
	}
	return st.Err()
}

func normalResponse(f session.ResponseFrame) session.ResponseFrame {
	f.Data = full(f.Data)
	if f.Response != nil {
		r := *f.Response
		r.Body, r.Header = full(r.Body), fullMap(r.Header)
		f.Response = &r
	}
	if f.Event.Meta != nil {
		m := *f.Event.Meta
		m.Header = fullMap(m.Header)
		f.Event.Meta = &m
	}
	var chunks [][]byte
	for _, c := range f.Event.Chunks {
		chunks = append(chunks, full(c))
	}
	f.Event.Chunks = chunks
	if f.Err != nil { // statuses are compared by what they say
		f.Err = status.Error(status.Code(f.Err), f.Err.Error()+detailOf(f.Err))
	}
	return f
}

func detailOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if e, ok := d.(proto.Message); ok {
			text, _ := proto.MarshalOptions{Deterministic: true}.Marshal(e)
			return string(text)
		}
	}
	return ""
}

func full(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func fullMap(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
