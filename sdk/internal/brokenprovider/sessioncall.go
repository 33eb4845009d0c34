package main

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// sessionCall is one call of a session. It is the server's stream of a call of
// mode "stream" too.
type sessionCall struct {
	grpc.ServerStream // none: nobody asks for metadata
	session           *serving
	id                uint64
	open              *pb.SessionOpen
	body              []byte
	ctx               context.Context
	cancel            context.CancelFunc

	mu     sync.Mutex
	more   *sync.Cond // signalled when there is credit, or the call has ended
	credit int64
	over   bool // finished was sent with end
}

func newSessionCall(v *serving, id uint64, open *pb.SessionOpen) *sessionCall {
	c := &sessionCall{session: v, id: id, open: open, body: open.GetBody(), credit: int64(open.GetCredit())}
	c.more = sync.NewCond(&c.mu)
	if t := open.GetTimeout(); t != nil && !v.fault.timeless {
		c.ctx, c.cancel = context.WithTimeout(v.ctx, t.AsDuration())
	} else {
		c.ctx, c.cancel = context.WithCancel(v.ctx)
	}
	context.AfterFunc(c.ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.more.Broadcast()
	})
	return c
}

// leave ends the call.
func (c *sessionCall) leave() {
	c.cancel()
	c.session.mu.Lock()
	delete(c.session.open, c.id)
	c.session.mu.Unlock()
}

func (c *sessionCall) grant(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credit += n
	c.more.Broadcast()
}

// serve answers the call.
func (c *sessionCall) serve() error {
	if len(c.body) > limit {
		return wire.ToStatus(provider.Errorf(provider.CodeTooLarge, "the body has %d bytes, the limit is %d", len(c.body), limit))
	}
	if c.open.GetMode() == pb.Mode_MODE_STREAM {
		err := c.session.Stream(&pb.StreamRequest{Envelope: c.open.GetEnvelope(), Body: c.body}, c)
		if err == nil && !c.over {
			return c.session.send(&pb.ResponseFrame{Id: c.id, End: true})
		}
		return err
	}
	out, err := c.session.Call(c.ctx, &pb.CallRequest{Envelope: c.open.GetEnvelope(), Body: c.body})
	if err != nil {
		return err
	}
	return c.answer(out)
}

// answer sends a result in pieces.
func (c *sessionCall) answer(out *pb.CallResponse) error {
	body := out.GetBody()
	n := min(len(body), pieceSize)
	first := &pb.CallResponse{Meta: out.GetMeta(), ContentType: out.GetContentType(), Body: body[:n]}
	f := &pb.ResponseFrame{Id: c.id, Frame: &pb.ResponseFrame_Result{Result: first}}
	for {
		body = body[n:]
		f.End = len(body) == 0
		if err := c.session.send(f); err != nil || f.End {
			return err
		}
		n = min(len(body), pieceSize)
		f = &pb.ResponseFrame{Id: c.id, Frame: &pb.ResponseFrame_Data{Data: body[:n]}}
	}
}

// fail ends the call with an error. A context's own error becomes a status.
func (c *sessionCall) fail(err error) {
	if st, ok := status.FromError(err); !ok {
		err = status.FromContextError(err).Err()
	} else {
		err = st.Err()
	}
	_ = c.session.send(errorFrame(c.id, err)) // a session that is over needs no end of its calls
}

// Context implements [grpc.ServerStream].
func (c *sessionCall) Context() context.Context { return c.ctx }

// Send implements the server's side of a stream.
func (c *sessionCall) Send(e *pb.StreamResponse) error {
	if err := c.spend(e.GetData().GetChunks()); err != nil {
		return err
	}
	f := &pb.ResponseFrame{Id: c.id, Frame: &pb.ResponseFrame_Event{Event: e}, End: e.GetFinished() != nil}
	c.over = c.over || f.End
	return c.session.send(f)
}

// spend waits for credit and takes the price of an event off it.
func (c *sessionCall) spend(chunks [][]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(chunks) > 0 && c.credit <= 0 && c.ctx.Err() == nil && !c.session.fault.lavish {
		c.more.Wait()
	}
	for _, chunk := range chunks {
		c.credit -= int64(len(chunk))
	}
	return c.ctx.Err()
}
