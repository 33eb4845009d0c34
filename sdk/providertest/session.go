package providertest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	// pieceSize is the size of the pieces in which bodies travel, in bytes.
	pieceSize = 64 << 10
	// firstCredit is what a host gives a stream at first, in bytes.
	firstCredit = 256 << 10
)

// session is the kit's own host side of the RPC Session. It is made of the
// generated code alone, as in another language, and strict: the first breach of
// the rules ends it, and every call of it then says which it was.
type session struct {
	stream pb.ProviderService_SessionClient
	cancel context.CancelFunc

	sending sync.Mutex // one message at a time, ids in their order
	mu      sync.Mutex
	last    uint64
	calls   map[uint64]*sessionCall // those that ended as well: kits are short-lived
	err     error                   // why the session ended
	ended   chan struct{}
}

// openSession opens a session. It lasts until close, whatever becomes of ctx.
func openSession(ctx context.Context, rpc pb.ProviderServiceClient) (*session, error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := rpc.Session(own)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &session{stream: stream, cancel: cancel, calls: map[uint64]*sessionCall{}, ended: make(chan struct{})}
	go s.read()
	return s, nil
}

// close ends the session with all of its calls.
func (s *session) close() {
	s.cancel()
	<-s.ended
}

// failed says why the session ended, nil if it has not.
func (s *session) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// read takes what the plugin sends until the session ends.
func (s *session) read() {
	defer close(s.ended)
	defer s.cancel()
	for {
		message, err := s.stream.Recv()
		s.mu.Lock()
		for _, frame := range message.GetFrames() {
			if err == nil {
				err = s.take(frame)
			}
		}
		if err != nil {
			s.err = err
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// take hands a frame to its call. The mutex is held.
func (s *session) take(frame *pb.ResponseFrame) error {
	c, opened := s.calls[frame.GetId()]
	switch {
	case !opened:
		return breachf("sent a frame of a call with the id %d, which was never opened", frame.GetId())
	case c.cancelled:
		c.late++
		return nil
	}
	if err := c.check(frame); err != nil {
		return err
	}
	c.frames = append(c.frames, frame)
	select {
	case c.arrived <- struct{}{}:
	default: // the reader was told and has not looked yet
	}
	return nil
}

// send sends one frame.
func (s *session) send(frame *pb.RequestFrame) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.sendLocked(frame)
}

func (s *session) sendLocked(frame *pb.RequestFrame) error {
	if s.stream.Send(&pb.SessionRequest{Frames: []*pb.RequestFrame{frame}}) != nil {
		<-s.ended // the reader knows why
		return s.failed()
	}
	return nil
}

// begin opens a call with the given credit and sends its body.
func (s *session) begin(ctx context.Context, mode pb.Mode, req *provider.Request, credit uint32) (*sessionCall, error) {
	open := &pb.SessionOpen{Mode: mode, Envelope: wire.ToEnvelope(req), Credit: credit}
	if deadline, ok := ctx.Deadline(); ok {
		open.Timeout = durationpb.New(time.Until(deadline))
	}
	return s.beginWith(ctx, open, req.Body)
}

// beginWith opens a call as open says and sends its body.
func (s *session) beginWith(ctx context.Context, open *pb.SessionOpen, body []byte) (*sessionCall, error) {
	c := &sessionCall{session: s, ctx: ctx, mode: open.GetMode(), credit: int64(open.GetCredit()), arrived: make(chan struct{}, 1)}
	if len(body) > pieceSize {
		open.BodySize = uint64(len(body))
	}
	open.Body, body = body[:min(len(body), pieceSize)], body[min(len(body), pieceSize):]
	err := s.open(c, &pb.RequestFrame{Frame: &pb.RequestFrame_Open{Open: open}, End: len(body) == 0})
	for err == nil && len(body) > 0 {
		n := min(len(body), pieceSize)
		err = s.send(&pb.RequestFrame{Id: c.id, Frame: &pb.RequestFrame_Data{Data: body[:n]}, End: n == len(body)})
		body = body[n:]
	}
	return c, err
}

// open gives c its id and sends its first frame.
func (s *session) open(c *sessionCall, frame *pb.RequestFrame) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.mu.Lock()
	s.last++
	c.id = s.last
	s.calls[c.id] = c
	s.mu.Unlock()
	context.AfterFunc(c.ctx, c.cancel) // which waits for its turn behind the open
	frame.Id = c.id
	return s.sendLocked(frame)
}

// call makes a call of mode "call".
func (s *session) call(ctx context.Context, req *provider.Request) (*pb.CallResponse, error) {
	c, err := s.begin(ctx, pb.Mode_MODE_CALL, req, 0)
	if err != nil {
		return nil, err
	}
	var out *pb.CallResponse
	for {
		frame, err := c.next()
		if err != nil {
			return nil, err
		}
		if result := frame.GetResult(); result != nil {
			out = result
		}
		out.Body = append(out.Body, frame.GetData()...)
		if frame.GetEnd() {
			return out, nil
		}
	}
}

// breach is a violation of the session's rules by the plugin.
type breach struct{ what string }

func (e *breach) Error() string { return "the plugin " + e.what }

func breachf(format string, args ...any) error { return &breach{fmt.Sprintf(format, args...)} }

// statusOf is the error of a call as the plain RPC would have reported it.
func statusOf(e *pb.SessionError) error {
	st := status.New(codes.Code(e.GetCode()), e.GetMessage())
	if e.GetDetail() == nil {
		return st.Err()
	}
	detailed, err := st.WithDetails(e.GetDetail())
	if err != nil {
		return breachf("sent an error with the code OK")
	}
	return detailed.Err()
}
