package session

import (
	"context"
	"errors"
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// call is the host's side of one call. Until its end, or until it was taken from
// the client's table, it is the reader's.
type call struct {
	id     uint64
	events *eventStream  // nil for a call of mode "call"
	wake   chan struct{} // takes a mark when there is news: for a call, its end
	answer *answer
	err    error
	head   int64 // size of the answer's message without the body, in bytes
	size   int   // of the body, as the plugin announced it; 0 if it did not
}

// Call calls an operation of mode "call". The error is the status that the RPC
// Call would have ended with. req.Body is not read after Call returned.
func (c *Client) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	k, again := c.spare.Get().(*call)
	if !again {
		k = &call{wake: make(chan struct{}, 1)}
	}
	err := c.begin(ctx, k, pb.Mode_MODE_CALL, req, 0)
	switch {
	case k.id == 0: // not begun
		c.spare.Put(k)
		return nil, rpcError(err)
	case err == nil:
		select {
		case <-k.wake:
			return c.outcome(k)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if !errors.Is(err, errAnswered) && c.leave(k.id, errors.Is(err, context.DeadlineExceeded)) {
		return nil, rpcError(err) // the reader may hold k, so it is not used again
	}
	<-k.wake
	return c.outcome(k)
}

// outcome keeps k for a further call and returns what it brought. Its end must have
// come.
func (c *Client) outcome(k *call) (*provider.Response, error) {
	answer, err := k.answer, k.err
	*k = call{wake: k.wake}
	c.spare.Put(k)
	if err != nil {
		return nil, err
	}
	return &answer.Response, nil
}

// rpcError is the status in which an RPC ends whose context has ended.
func rpcError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	return err
}

// take works on a frame of the call. failed is how the call ends if it cannot go
// on; breach is a breach of the protocol, which ends the session.
func (k *call) take(f *responseFrame, limit int64) (failed, breach error) {
	switch f.kind {
	case responseError:
		return f.failure.err(), nil
	case responseEvent:
		if k.events == nil {
			return nil, violation("an event for call %d, which is no stream", f.id)
		}
		return k.events.take(f, limit)
	case responseResult:
		failed, breach = k.result(f, limit)
	case responseData:
		failed, breach = k.data(f, limit)
	}
	if f.end && k.events == nil && k.answer == nil && failed == nil && breach == nil {
		failed = status.Error(codes.Internal, "the plugin ended the call without an answer")
	}
	return failed, breach
}

// result takes the answer and the first piece of its body. The caller keeps the
// body, so it has memory of its own, in one part.
func (k *call) result(f *responseFrame, limit int64) (failed, breach error) {
	switch {
	case k.events != nil:
		return nil, violation("a result for call %d, which is a stream", f.id)
	case k.answer != nil:
		return nil, violation("a second result for call %d", f.id)
	}
	k.answer = f.answer
	piece := k.answer.Body
	k.answer.Body = nil
	k.head = int64(f.size)
	if len(piece) > 0 {
		k.head -= bodyField(len(piece))
	}
	k.size = int(min(f.bodySize, math.MaxInt32))
	return k.grow(f, piece, limit)
}

// data takes a further piece of the body.
func (k *call) data(f *responseFrame, limit int64) (failed, breach error) {
	switch {
	case k.events != nil:
		return nil, violation("data for call %d, which is a stream", f.id)
	case k.answer == nil:
		return nil, violation("data of call %d before its result", f.id)
	}
	return k.grow(f, f.data, limit)
}

// grow adds a piece to the body unless the answer is larger than limit.
func (k *call) grow(f *responseFrame, piece []byte, limit int64) (failed, breach error) {
	body := k.answer.Body
	size := len(body) + len(piece)
	if k.size > 0 && (size > k.size || f.end && size < k.size) {
		return nil, violation("the body of call %d has not the %d bytes that it was to have", f.id, k.size)
	}
	size = max(size, k.size)
	if size == 0 {
		return nil, nil
	}
	if whole := k.head + bodyField(size); whole > limit {
		return tooLarge(whole, limit), nil
	}
	if body == nil {
		body = make([]byte, 0, size)
	}
	k.answer.Body = append(body, piece...)
	return nil, nil
}

// bodyField is the size of the field that holds a body of n bytes.
func bodyField(n int) int64 {
	return int64(protowire.SizeTag(3) + protowire.SizeBytes(n))
}

// end is the end of the call: err is nil if all of the answer has come. Nobody
// but the caller may touch k afterwards.
func (k *call) end(err error) {
	if k.events != nil {
		k.events.finish(err)
		return
	}
	k.err = err
	signal(k.wake)
}
