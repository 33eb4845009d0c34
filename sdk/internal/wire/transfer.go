package wire

import (
	"context"
	"errors"
	"io"
	"sync"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// MaxPiece is the size of the pieces in which transfers move bytes, both ways.
// Larger ones save nothing and cost memory per transfer.
const MaxPiece = 256 << 10

// Transfer implements ProviderService.
func (s *Server) Transfer(stream pb.ProviderService_TransferServer) error {
	first, err := stream.Recv()
	if err != nil {
		return s.guard.status(callerLeft(err))
	}
	head := first.GetHead()
	if head == nil {
		return s.guard.status(provider.Errorf(provider.CodeProtocol, "the first frame of a transfer must be its head"))
	}
	c := call{server: s, req: FromEnvelope(head.GetEnvelope(), head.GetParams()), mode: provider.ModeTransfer}
	if err := c.begin(); err != nil {
		return err
	}
	defer c.end()
	a := c.attempt(stream.Context())
	defer a.finish()
	req := &provider.TransferRequest{Request: *c.req, DataType: head.GetDataType(), DataLength: head.GetDataLength()}
	if head.GetHasData() {
		req.Data = &upload{recv: stream.Recv, length: head.GetDataLength()}
	}
	out := &transferSink{send: stream.Send, arrived: a.arrived}
	return c.result(a, c.transfer(a, req, out))
}

func (c *call) transfer(ctx context.Context, req *provider.TransferRequest, out *transferSink) error {
	ep, ok := c.endpoint.(provider.Transferer)
	if !ok {
		return c.unsupported()
	}
	var finish provider.Finish
	err := c.guard.run(func() (err error) {
		finish, err = ep.Transfer(ctx, req, out)
		return err
	})
	return out.end(finish, err)
}

// upload reads the caller's bytes. An upload that is shorter or longer than its
// announced length is an error: a service would store it as if it were whole.
type upload struct {
	recv   func() (*pb.TransferRequest, error)
	length int64 // -1 if not known
	read   int64
	rest   []byte
	err    error
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	for len(u.rest) == 0 && u.err == nil {
		u.next()
	}
	if len(u.rest) == 0 {
		return 0, u.err
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func (u *upload) next() {
	frame, err := u.recv()
	switch {
	case errors.Is(err, io.EOF) && u.length >= 0 && u.read < u.length:
		u.err = provider.Errorf(provider.CodeCanceled, "the upload ended after %d of %d bytes: %w", u.read, u.length, io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		u.err = io.EOF
	case err != nil:
		u.err = callerLeft(err)
	case frame.GetHead() != nil:
		u.err = provider.Errorf(provider.CodeProtocol, "a transfer has one head, a second one arrived")
	default:
		u.rest = frame.GetData()
		u.read += int64(len(u.rest))
		if u.length >= 0 && u.read > u.length {
			u.rest, u.err = nil, provider.Errorf(provider.CodeInvalidRequest, "the upload is longer than its announced %d bytes", u.length)
		}
	}
}

// transferSink implements [provider.TransferSink]. The mutex catches authors
// who write after Transfer returned.
type transferSink struct {
	send    func(*pb.TransferResponse) error
	arrived func() // lifts the attempt's time limit

	mu      sync.Mutex
	started bool
	ended   bool
	length  int64 // as announced, -1 if not known
	written int64
}

// Start implements [provider.TransferSink].
func (t *transferSink) Start(head provider.TransferHead) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
		return errOver
	case t.started:
		return provider.Errorf(provider.CodeInternal, "the transfer's answer was started before; call Start once")
	}
	t.started, t.length = true, head.Length
	frame := &pb.TransferResponse{Frame: &pb.TransferResponse_Head{Head: ToTransferHead(head)}}
	if err := t.send(frame); err != nil {
		return callerLeft(err)
	}
	t.arrived()
	return nil
}

// Write implements [provider.TransferSink]. gRPC has encoded a piece when its
// send returns, so p is free afterwards.
func (t *transferSink) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
		return 0, errOver
	case !t.started:
		return 0, provider.Errorf(provider.CodeInternal, "call Start before Write: the head of an answer comes first")
	case t.length >= 0 && t.written+int64(len(p)) > t.length:
		return 0, provider.Errorf(provider.CodeInternal,
			"the answer is longer than the %d bytes that its head announced; set Length to -1 if it is not known", t.length)
	}
	done := 0
	for done < len(p) {
		piece := p[done:min(len(p), done+MaxPiece)]
		if err := t.send(&pb.TransferResponse{Frame: &pb.TransferResponse_Data{Data: piece}}); err != nil {
			return done, callerLeft(err)
		}
		done += len(piece)
		t.written += int64(len(piece))
	}
	return done, nil
}

// end sends the one finished frame of a transfer that ended well.
func (t *transferSink) end(finish provider.Finish, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	switch {
	case err != nil:
		return err
	case !t.started:
		return provider.Errorf(provider.CodeInternal, "the plugin's Transfer returned without starting its answer")
	case t.length >= 0 && t.written != t.length:
		return provider.Errorf(provider.CodeProtocol, "the answer ended after %d of %d bytes", t.written, t.length)
	}
	if err := t.send(&pb.TransferResponse{Frame: &pb.TransferResponse_Finished{Finished: ToFinish(finish)}}); err != nil {
		return callerLeft(err)
	}
	return nil
}
