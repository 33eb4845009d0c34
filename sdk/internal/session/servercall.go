package session

import (
	"context"
	"math"
	"sync"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// serverCall is the plugin's side of one call.
type serverCall struct {
	server  *server
	id      uint64
	stream  bool
	request provider.Request
	ctx     callContext
	release context.CancelFunc // of the deadline, nil if there is none

	// For the reader alone, until the body is complete.
	complete bool
	head     int64 // size of the request's message without the body
	size     int   // of the body, as the host announced it; 0 if it did not
	refused  error // why the call is not begun

	mu     sync.Mutex
	credit int64
	more   chan struct{} // takes a mark when there is credit again; nil if nobody waits
	ended  bool          // nothing more is to be sent
}

func newServerCall(s *server, f *requestFrame) *serverCall {
	k := &serverCall{
		server: s, id: f.id, stream: f.open.mode == pb.Mode_MODE_STREAM, request: f.open.request,
		head: int64(f.open.envelope), size: int(min(f.open.bodySize, math.MaxInt32)),
		credit: int64(f.open.credit),
	}
	k.request.Body = nil
	ctx := s.base
	if f.open.timeout > 0 {
		ctx, k.release = context.WithTimeout(ctx, f.open.timeout)
		k.ctx.timed = true
	}
	k.ctx.Context, k.ctx.cancel = context.WithCancelCause(ctx)
	return k
}

// body takes a piece of the body and begins the call with the last one. The
// author may keep the body, so it has memory of its own, in one part.
func (k *serverCall) body(piece []byte, last bool) error {
	switch {
	case k.refused != nil, k.over(): // the host does not know it yet
		return nil
	case k.complete:
		return violation("data for call %d, whose body was complete", k.id)
	}
	body := k.request.Body
	size := len(body) + len(piece)
	if k.size > 0 && (size > k.size || last && size < k.size) {
		return violation("the body of call %d has not the %d bytes that it was to have", k.id, k.size)
	}
	size = max(size, k.size)
	if whole := k.message(size); whole > k.server.maxRequest {
		k.refused, k.request.Body = tooLarge(whole, k.server.maxRequest), nil
		last = true
	} else if size > 0 {
		if body == nil {
			body = make([]byte, 0, size)
		}
		k.request.Body = append(body, piece...)
	}
	if last {
		k.complete = true
		k.server.start(k)
	}
	return nil
}

// message is the size of the request's message with a body of n bytes.
func (k *serverCall) message(n int) int64 {
	if n == 0 {
		return k.head
	}
	return k.head + int64(protowire.SizeTag(2)+protowire.SizeBytes(n))
}

// run answers the call. It is the work of a worker.
func (k *serverCall) run() {
	defer k.server.running.Done()
	err := k.refused
	switch {
	case err != nil:
	case k.stream:
		err = k.server.handler.Stream(&k.ctx, &k.request, k.send)
	default:
		var res *provider.Response
		if res, err = k.server.handler.Call(&k.ctx, &k.request); err == nil && res != nil {
			err = k.answer(res)
		}
	}
	k.finish(err)
	k.server.forget(k)
	k.leave(context.Canceled)
}

// answer sends the result in turns with the frames of other calls.
func (k *serverCall) answer(res *provider.Response) error {
	piece, rest := cut(res.Body)
	taken, err := k.append(0, len(rest) == 0, func(b []byte) []byte { return appendResult(b, k.id, res, piece) })
	for err == nil && len(rest) > 0 {
		piece, rest = cut(rest)
		taken, err = k.append(taken, len(rest) == 0, func(b []byte) []byte { return appendData(b, k.id, piece, len(rest) == 0) })
	}
	return err
}

// append sends one frame when there is room and the take number after is over.
// last says that the frame ends the call.
func (k *serverCall) append(after uint64, last bool, frame func([]byte) []byte) (taken uint64, err error) {
	out := k.server.out
	if err := out.acquire(&k.ctx, nil, after); err != nil {
		return 0, err
	}
	k.mu.Lock()
	over := k.ended
	k.ended = over || last
	k.mu.Unlock()
	if over {
		out.mu.Unlock()
		return 0, errOver
	}
	out.pending = frame(out.pending)
	return out.release(), nil
}

// finish ends a call that has not ended: with err or, if it is nil, with nothing
// but the end.
func (k *serverCall) finish(err error) {
	k.mu.Lock()
	over := k.ended
	k.ended = true
	k.mu.Unlock()
	if over {
		return
	}
	out := k.server.out
	if out.acquire(context.Background(), nil, 0) != nil {
		return
	}
	if err == nil {
		out.pending = appendEnd(out.pending, k.id)
	} else {
		out.pending = appendFailure(out.pending, k.id, rpcStatus(err))
	}
	out.release()
}

// rpcStatus is the status in which gRPC ends an RPC whose method returned err.
func rpcStatus(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.FromContextError(err).Err()
}

// send sends an event of a stream.
func (k *serverCall) send(e provider.Event) error {
	cost := 0
	if e.Kind == provider.EventData {
		for _, c := range e.Chunks {
			cost += len(c)
		}
		if err := k.spend(cost); err != nil {
			return err
		}
	}
	_, err := k.append(0, e.Kind == provider.EventFinished, func(b []byte) []byte { return appendEventFrame(b, k.id, &e, cost) })
	if err != nil {
		return rpcStatus(err)
	}
	return nil
}

// spend waits until there is credit and takes cost from it.
func (k *serverCall) spend(cost int) error {
	if cost == 0 {
		return nil
	}
	k.mu.Lock()
	for k.credit <= 0 && !k.ended {
		if k.more == nil {
			k.more = make(chan struct{}, 1)
		}
		k.mu.Unlock()
		select {
		case <-k.more:
		case <-k.ctx.Done():
			return rpcStatus(k.ctx.Err())
		}
		k.mu.Lock()
	}
	defer k.mu.Unlock()
	if k.ended {
		return errOver
	}
	k.credit -= int64(cost)
	return nil
}

// addCredit lets the stream send more.
func (k *serverCall) addCredit(n uint32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return nil
	}
	k.credit += int64(n)
	if k.credit > math.MaxInt32 {
		return violation("call %d has credit over 2^31", k.id)
	}
	if k.more != nil {
		signal(k.more)
	}
	return nil
}

// over reports whether the call has ended, even if its author works on.
func (k *serverCall) over() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ended
}

// leave ends the call for whoever works on it.
func (k *serverCall) leave(cause error) {
	k.mu.Lock()
	k.ended = true
	k.mu.Unlock()
	k.ctx.End(cause)
	if k.release != nil {
		k.release()
	}
}
