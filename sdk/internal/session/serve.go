package session

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// ServerStream is the plugin's end of the RPC; the server stream that gRPC hands
// to the method is one.
type ServerStream interface {
	Context() context.Context
	SendMsg(message any) error
	RecvMsg(message any) error
}

// Handler answers the calls of a session. Its methods run side by side, each on a
// goroutine of its own. Errors are gRPC statuses.
type Handler interface {
	// Call answers an operation of mode "call".
	Call(ctx context.Context, req *provider.Request) (*provider.Response, error)
	// Stream answers an operation of mode "stream". send may be used until
	// Stream returns, by one goroutine at a time. It copies what it needs of an
	// event, waits while the reader is behind, and fails when the call has ended.
	Stream(ctx context.Context, req *provider.Request, send func(provider.Event) error) error
}

// Serve answers the calls of a session until the host has no more, or until the
// stream breaks. It returns when all calls have ended, or, if the stream broke or
// the host broke the protocol, as soon as their contexts have. The result is what
// the RPC ends with. maxRequest bounds a request, in bytes of the message that
// would carry it as an RPC of its own.
func Serve(stream ServerStream, h Handler, maxRequest int64) error {
	s := &server{
		handler: h, maxRequest: maxRequest,
		// A call ends with the session, not with the stream's context: that
		// saves each of them its entry in the one list of a common parent.
		base:  context.WithoutCancel(stream.Context()),
		out:   newSender(stream.SendMsg, maxPluginPending),
		calls: make(map[uint64]*serverCall),
	}
	received, sent := make(chan error, 1), make(chan error, 1)
	go func() { received <- s.read(stream) }()
	go func() { sent <- s.out.run() }()
	defer s.workers.stop()
	var err error
	select {
	case err = <-received:
		if errors.Is(err, io.EOF) && s.wait(stream.Context()) {
			s.out.finish()
			return <-sent
		}
	case err = <-sent:
	}
	if errors.Is(err, io.EOF) { // nobody hears it
		err = status.FromContextError(stream.Context().Err()).Err()
	}
	s.end(err)
	return err
}

// server is the plugin's side of a session.
type server struct {
	handler    Handler
	maxRequest int64
	base       context.Context
	out        *sender
	workers    workers
	running    sync.WaitGroup

	// For the reader alone.
	frame  requestFrame
	names  interner
	last   uint64 // the newest id
	breach error  // what the host did wrong

	mu    sync.Mutex
	calls map[uint64]*serverCall // those that have not ended
}

// read takes the host's frames until the stream ends.
func (s *server) read(stream ServerStream) error {
	in := newIncoming(s.take)
	for {
		err := stream.RecvMsg(in)
		if in.err != nil && s.breach == nil {
			s.breach = undecodable(in.err)
		}
		switch {
		case s.breach != nil:
			return s.breach
		case err != nil:
			return err
		}
	}
}

// wait lets the calls that run finish. It reports false if ctx ended first.
func (s *server) wait(ctx context.Context) bool {
	s.drop()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// drop forgets the calls whose bodies will never be complete.
func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.calls {
		if !k.complete {
			delete(s.calls, id)
		}
	}
}

// end ends all calls.
func (s *server) end(err error) {
	s.out.stop(err)
	s.mu.Lock()
	calls := s.calls
	s.calls = nil
	s.mu.Unlock()
	for _, k := range calls {
		k.leave(context.Canceled)
	}
}

// take works on one frame. It never waits for anybody.
func (s *server) take(frame []byte) error {
	f := &s.frame
	err := f.decode(frame, &s.names)
	switch {
	case err != nil:
		err = undecodable(err)
	case f.kind == requestOpen:
		err = s.open(f)
	default:
		err = s.more(f)
	}
	if err != nil {
		s.breach = err
	}
	return err
}

// open begins a call.
func (s *server) open(f *requestFrame) error {
	switch {
	case f.id <= s.last:
		return violation("call %d was opened after call %d: ids increase", f.id, s.last)
	case f.open.mode != pb.Mode_MODE_CALL && f.open.mode != pb.Mode_MODE_STREAM:
		return violation("call %d was opened with the mode %d", f.id, int32(f.open.mode))
	}
	s.last = f.id
	k := newServerCall(s, f)
	s.mu.Lock()
	if s.calls == nil { // the session has ended
		s.mu.Unlock()
		return errOver
	}
	s.calls[k.id] = k
	s.mu.Unlock()
	return k.body(f.open.request.Body, f.end)
}

// more works on a frame of a call that was opened before.
func (s *server) more(f *requestFrame) error {
	if f.id == 0 || f.id > s.last {
		return violation("a frame for call %d, which was never opened", f.id)
	}
	s.mu.Lock()
	k, live := s.calls[f.id]
	if f.kind == requestCancel {
		delete(s.calls, f.id)
	}
	s.mu.Unlock()
	if !live { // it has ended: the frame is late
		return nil
	}
	switch f.kind {
	case requestCancel:
		cause := context.Canceled
		if f.deadline {
			cause = context.DeadlineExceeded
		}
		k.leave(cause)
		return nil
	case requestCredit:
		if err := k.addCredit(f.credit); err != nil || !f.end {
			return err
		}
	case requestEnd:
		if !f.end {
			return nil
		}
	}
	return k.body(f.data, f.end)
}

// start gives the call to a worker.
func (s *server) start(k *serverCall) {
	s.running.Add(1)
	s.workers.do(k)
}

// forget removes a call that has ended.
func (s *server) forget(k *serverCall) {
	s.mu.Lock()
	delete(s.calls, k.id)
	s.mu.Unlock()
}

// errOver is what a call's further frames meet.
var errOver = status.Error(codes.Canceled, "the call has ended")
