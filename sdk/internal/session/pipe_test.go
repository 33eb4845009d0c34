package session_test

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// pipe is one end of a stream whose other end a test plays: it reads and writes
// the messages of generated code. It never blocks a send unless it is frozen.
type pipe struct {
	ctx    context.Context
	cancel context.CancelFunc
	in     chan []byte // messages for the end under test; closed for io.EOF

	mu     sync.Mutex
	out    [][]byte // messages of the end under test
	closed bool     // by CloseSend
	frozen chan struct{}
}

func newPipe() *pipe {
	p := &pipe{in: make(chan []byte, 1<<12)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (p *pipe) Context() context.Context { return p.ctx }

func (p *pipe) SendMsg(message any) error {
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-p.ctx.Done():
			return io.EOF
		}
	}
	data, err := proto.Marshal(message.(proto.Message))
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = append(p.out, data)
	return nil
}

func (p *pipe) RecvMsg(message any) error {
	select {
	case data, ok := <-p.in:
		if !ok {
			return io.EOF
		}
		return proto.Unmarshal(data, message.(proto.Message))
	case <-p.ctx.Done():
		return status.FromContextError(p.ctx.Err()).Err()
	}
}

func (p *pipe) CloseSend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// freeze makes sends block, as to a process that was stopped, until thaw.
func (p *pipe) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = make(chan struct{})
}

func (p *pipe) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.frozen)
	p.frozen = nil
}

func (p *pipe) halfClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// sent takes what the end under test has sent.
func (p *pipe) sent() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.out
	p.out = nil
	return out
}

// requests takes the frames that a client has sent.
func (p *pipe) requests(t fataler) (frames []*pb.RequestFrame) {
	for _, data := range p.sent() {
		m := &pb.SessionRequest{}
		if err := proto.Unmarshal(data, m); err != nil {
			t.Fatalf("the client sent what generated code does not read: %v", err)
		}
		frames = append(frames, m.GetFrames()...)
	}
	return frames
}

// responses takes the frames that a server has sent.
func (p *pipe) responses(t fataler) (frames []*pb.ResponseFrame) {
	for _, data := range p.sent() {
		m := &pb.SessionResponse{}
		if err := proto.Unmarshal(data, m); err != nil {
			t.Fatalf("the server sent what generated code does not read: %v", err)
		}
		frames = append(frames, m.GetFrames()...)
	}
	return frames
}

// respond sends frames to a client, in one message.
func (p *pipe) respond(t fataler, frames ...*pb.ResponseFrame) {
	data, err := proto.Marshal(&pb.SessionResponse{Frames: frames})
	if err != nil {
		t.Fatalf("%v", err)
	}
	p.in <- data
}

// request sends frames to a server, in one message.
func (p *pipe) request(t fataler, frames ...*pb.RequestFrame) {
	data, err := proto.Marshal(&pb.SessionRequest{Frames: frames})
	if err != nil {
		t.Fatalf("%v", err)
	}
	p.in <- data
}
