package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
)

// pieceSize is the size of the pieces in which bodies travel, in bytes.
const pieceSize = 64 << 10

// sessions adds the RPC Session to a server, made of the generated code alone, as
// a plugin in another language has it. Its calls go to the server's Call and
// Stream, so that what is wrong with those shows on both paths.
type sessions struct {
	pb.ProviderServiceServer
	fault sessionFault
}

// sessionFault is one way to break the rules of sessions. The zero value breaks
// none.
type sessionFault struct {
	// send stands in for sending a frame.
	send func(s *serving, f *pb.ResponseFrame) error
	// cancelled is called in place of ending the call.
	cancelled func(s *serving, c *sessionCall)
	opened    func() error // ends the session if it returns an error

	tolerant  bool // ignores what the host does wrong
	lingering bool // does not end when the host half-closes
	timeless  bool // does not look at a call's timeout
	lavish    bool // sends more than it has credit for
}

// serving is one session.
type serving struct {
	sessions
	stream pb.ProviderService_SessionServer
	ctx    context.Context
	calls  sync.WaitGroup

	sending sync.Mutex
	mu      sync.Mutex
	open    map[uint64]*sessionCall // that take further frames
	last    uint64
}

// Session implements ProviderService.
func (s sessions) Session(stream pb.ProviderService_SessionServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	v := &serving{sessions: s, stream: stream, ctx: ctx, open: map[uint64]*sessionCall{}}
	defer v.calls.Wait()
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) && !s.fault.lingering {
			v.calls.Wait()
			cancel()
			return nil
		}
		for _, f := range message.GetFrames() {
			if err == nil {
				err = v.take(f)
			}
		}
		if errors.Is(err, io.EOF) {
			<-ctx.Done()
		}
		if err != nil {
			cancel()
			return err
		}
	}
}

// take works on one frame of the host.
func (v *serving) take(f *pb.RequestFrame) error {
	if open := f.GetOpen(); open != nil {
		return v.begin(f, open)
	}
	v.mu.Lock()
	c, known := v.open[f.GetId()], f.GetId() <= v.last
	v.mu.Unlock()
	if c == nil {
		return v.wrong(!known, "a frame for call %d, which was never opened", f.GetId())
	}
	switch {
	case f.GetCancel() != nil && v.fault.cancelled != nil:
		v.fault.cancelled(v, c)
	case f.GetCancel() != nil:
		c.leave()
	case f.GetCredit() > 0:
		c.grant(int64(f.GetCredit()))
	default:
		c.body = append(c.body, f.GetData()...)
		if f.GetEnd() || len(c.body) > limit {
			v.start(c)
		}
	}
	return nil
}

// begin opens a call.
func (v *serving) begin(f *pb.RequestFrame, open *pb.SessionOpen) error {
	v.mu.Lock()
	old := f.GetId() <= v.last
	v.last = max(v.last, f.GetId())
	v.mu.Unlock()
	if old {
		return v.wrong(true, "the id %d is not larger than those before", f.GetId())
	}
	if m := open.GetMode(); m != pb.Mode_MODE_CALL && m != pb.Mode_MODE_STREAM {
		return v.wrong(true, "call %d has no known mode", f.GetId())
	}
	if v.fault.opened != nil {
		if err := v.fault.opened(); err != nil {
			return err
		}
	}
	c := newSessionCall(v, f.GetId(), open)
	v.mu.Lock()
	v.open[c.id] = c
	v.mu.Unlock()
	if f.GetEnd() {
		v.start(c)
	}
	return nil
}

// wrong is the end of a session whose host did what it must not.
func (v *serving) wrong(is bool, format string, args ...any) error {
	if !is || v.fault.tolerant {
		return nil
	}
	return status.Error(codes.InvalidArgument, fmt.Sprintf(format, args...))
}

func (v *serving) start(c *sessionCall) {
	v.calls.Go(func() {
		defer c.leave()
		if err := c.serve(); err != nil && c.ctx.Err() != context.Canceled {
			c.fail(err)
		}
	})
}

// send sends one frame, with what the fault makes of it.
func (v *serving) send(f *pb.ResponseFrame) error {
	if v.fault.send != nil {
		return v.fault.send(v, f)
	}
	return v.write(f)
}

func (v *serving) write(frames ...*pb.ResponseFrame) error {
	return v.writeMessage(&pb.SessionResponse{Frames: frames})
}

func (v *serving) writeMessage(m *pb.SessionResponse) error {
	v.sending.Lock()
	defer v.sending.Unlock()
	return v.stream.Send(m)
}

// errorFrame ends a call with the status err.
func errorFrame(id uint64, err error) *pb.ResponseFrame {
	st := status.Convert(err)
	e := &pb.SessionError{Code: int32(st.Code()), Message: st.Message()}
	for _, detail := range st.Details() {
		if m, ok := detail.(*pb.ProviderError); ok {
			e.Detail = m
		}
	}
	return &pb.ResponseFrame{Id: id, Frame: &pb.ResponseFrame_Error{Error: e}, End: true}
}

// limit is the largest body, in bytes.
const limit = wire.DefaultMaxRequest
