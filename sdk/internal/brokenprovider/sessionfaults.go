package main

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// astray puts its answers to an id that nobody opened.
func astray(s *serving, f *pb.ResponseFrame) error {
	f.Id += 1000
	return s.write(f)
}

// echoing says everything twice.
func echoing(s *serving, f *pb.ResponseFrame) error {
	if f.GetResult() == nil {
		return s.write(f)
	}
	first := &pb.ResponseFrame{Id: f.GetId(), Frame: f.GetFrame()}
	return s.write(first, f)
}

// restless cannot leave a call alone that has ended.
func restless(s *serving, f *pb.ResponseFrame) error {
	if !f.GetEnd() || f.GetEvent() == nil {
		return s.write(f)
	}
	beat := &pb.StreamResponse{Event: &pb.StreamResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}}
	return s.write(f, &pb.ResponseFrame{Id: f.GetId(), Frame: &pb.ResponseFrame_Event{Event: beat}})
}

// garbled sends what is no message: a field of 100 bytes that ends after two.
func garbled(s *serving, _ *pb.ResponseFrame) error {
	m := &pb.SessionResponse{}
	m.ProtoReflect().SetUnknown([]byte{1<<3 | 2, 100, 0, 0})
	return s.writeMessage(m)
}

// speechless works on its calls and never says how they ended.
func speechless(s *serving, f *pb.ResponseFrame) error {
	if f.GetEnd() {
		return nil
	}
	return s.write(f)
}

// forgetful leaves out what stands beside an answer.
func forgetful(s *serving, f *pb.ResponseFrame) error {
	if result := f.GetResult(); result != nil {
		f.Frame = &pb.ResponseFrame_Result{Result: &pb.CallResponse{ContentType: result.GetContentType(), Body: result.GetBody()}}
	}
	return s.write(f)
}

// belated answers calls that were cancelled.
func belated(s *serving, c *sessionCall) {
	c.leave()
	_ = s.write(errorFrame(c.id, status.FromContextError(context.Canceled).Err())) // a session that is over is over
}

// abrupt ends the session in the middle: at its third call.
func abrupt() func() error {
	var calls atomic.Int32
	return func() error {
		if calls.Add(1)%3 == 0 {
			return status.Error(codes.Unavailable, "enough")
		}
		return nil
	}
}

// promising says that it serves sessions and does not.
type promising struct{ pb.ProviderServiceServer }

func (promising) Session(pb.ProviderService_SessionServer) error {
	return status.Error(codes.Unimplemented, "what is a session?")
}
