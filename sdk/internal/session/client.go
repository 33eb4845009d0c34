package session

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Stream is the host's end of the RPC; the client stream that gRPC returns is
// one. Its messages must travel with [Codec] or gRPC's own for protobuf.
type Stream interface {
	Context() context.Context
	SendMsg(message any) error
	RecvMsg(message any) error
	CloseSend() error
}

// Client is the host's side of a session. Only [NewClient] makes one. It is safe
// for concurrent use.
type Client struct {
	stream      Stream
	cancel      context.CancelFunc
	maxResponse func() int64
	out         *sender
	done        chan struct{}
	spare       sync.Pool // of [*call], with their channels
	memory      memory    // of streams

	// For the reader alone.
	frame  responseFrame
	names  interner
	breach error // what the plugin did wrong

	// mu is taken after out's mutex, if both are needed.
	mu      sync.Mutex
	calls   map[uint64]*call // those whose end has not come
	last    uint64           // the newest id
	live    int              // calls that may still send a frame
	closing bool
	broken  error // why there can be no further call
	err     error // see Err
}

// NewClient begins a session on stream. The session ends with the stream, cancel
// ends the stream: it must cancel the context with which the stream was opened.
// maxResponse bounds the answer to a call and an event, in bytes of the message
// that would carry it as an RPC of its own; it is asked for each of them.
func NewClient(stream Stream, cancel context.CancelFunc, maxResponse func() int64) *Client {
	c := &Client{
		stream: stream, cancel: cancel, maxResponse: maxResponse,
		out:   newSender(stream.SendMsg, maxHostPending),
		done:  make(chan struct{}),
		calls: make(map[uint64]*call),
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.write()
	}()
	go func() {
		c.read()
		<-sent
		close(c.done)
	}()
	return c
}

// Done is closed when the session has ended, and with it all of its calls.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the session ended: a gRPC status. It is nil before the end and
// after an orderly one.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close lets the calls that run finish and then ends the session; calls made
// later fail with [ErrNotSent]. It returns at once: [Client.Done] tells of the end.
func (c *Client) Close() {
	c.mu.Lock()
	c.closing = true
	idle := c.live == 0
	c.mu.Unlock()
	if idle {
		c.out.finish()
	}
}

// write sends until the session ends.
func (c *Client) write() {
	err := c.out.run()
	if err == nil {
		err = c.stream.CloseSend()
	}
	if err != nil {
		c.cancel() // the reader says why, if anybody knows
	}
}

// read takes the plugin's frames until the stream ends.
func (c *Client) read() {
	in := newIncoming(c.take)
	var err error
	for err == nil {
		if err = c.stream.RecvMsg(in); err == nil {
			err = in.err
		}
	}
	if in.err != nil && c.breach == nil {
		c.breach = undecodable(in.err)
	}
	c.end(err)
	c.cancel()
}

// end ends the session: err is how the stream ended.
func (c *Client) end(err error) {
	c.mu.Lock()
	switch {
	case c.breach != nil:
		err = c.breach
	case errors.Is(err, io.EOF) && c.closing && len(c.calls) == 0:
		err = nil
	case errors.Is(err, io.EOF):
		err = status.Error(codes.Unavailable, "the plugin ended the session")
	}
	c.err = err
	c.broken = lost(err)
	broken, calls := c.broken, c.calls
	c.calls = nil
	c.mu.Unlock()
	c.out.stop(&notSent{broken})
	for _, k := range calls {
		k.end(broken)
	}
}

// lost is what the end of the session is to its calls: a fault of the transport,
// whatever the status of the stream was.
func lost(err error) error {
	if err == nil {
		return status.Error(codes.Unavailable, "the session is closed")
	}
	return status.Error(codes.Unavailable, status.Convert(err).Message())
}

// take hands one frame to its call. It never waits for anybody.
func (c *Client) take(frame []byte) error {
	f := &c.frame
	err := f.decode(frame, &c.names)
	if err != nil {
		err = undecodable(err)
	} else {
		err = c.deliver(f)
	}
	if err != nil {
		c.breach = err
	}
	return err
}

func (c *Client) deliver(f *responseFrame) error {
	ends := f.end || f.kind == responseError
	c.mu.Lock()
	k, live := c.calls[f.id]
	known := f.id != 0 && f.id <= c.last
	if live && ends {
		delete(c.calls, f.id)
	}
	c.mu.Unlock()
	switch {
	case !known:
		return violation("a frame for call %d, which was never opened", f.id)
	case !live: // it has ended: the frame is late
		return nil
	}
	failed, breach := k.take(f, c.maxResponse())
	switch {
	case breach != nil && !ends: // the end of the session ends the call
		return breach
	case breach != nil:
		failed = lost(breach)
	case ends:
		c.settle()
	case failed != nil:
		c.leave(f.id, false)
	default:
		return nil
	}
	k.end(failed)
	return breach
}

// begin opens a call with as much of its body as fits one frame and sends the
// rest in turns with other calls. The call has begun if k.id is not zero.
func (c *Client) begin(ctx context.Context, k *call, mode pb.Mode, req *provider.Request, credit uint32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n := envelopeSize(req); n > maxEnvelope {
		return &notSent{tooLarge(int64(n), maxEnvelope)}
	}
	if err := c.out.acquire(ctx, nil, 0); err != nil {
		return err
	}
	if err := c.register(k); err != nil {
		c.out.mu.Unlock()
		return err
	}
	timeout := time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), 1)
	}
	piece, rest := cut(req.Body)
	c.out.pending = appendOpen(c.out.pending, k.id, mode, req, piece, credit, timeout)
	taken := c.out.release()
	for len(rest) > 0 {
		err := c.out.acquire(ctx, k.wake, taken)
		if errors.Is(err, ErrNotSent) { // too late for that: the call ends with the session
			return errAnswered
		}
		if err != nil {
			return err
		}
		piece, rest = cut(rest)
		c.out.pending = appendData(c.out.pending, k.id, piece, len(rest) == 0)
		taken = c.out.release()
	}
	return nil
}

// cut splits off what fits one frame.
func cut(body []byte) (piece, rest []byte) {
	n := min(len(body), maxPiece)
	return body[:n], body[n:]
}

// register gives k its id. The sender's mutex must be held: ids increase in the
// order in which they are sent.
func (c *Client) register(k *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return &notSent{c.broken}
	}
	if c.closing {
		return &notSent{lost(nil)}
	}
	c.last++
	k.id = c.last
	c.calls[k.id] = k
	c.live++
	return nil
}

// leave ends a call from the host's side. It reports false if the call has ended
// already; only if it has not is there a cancel to send.
func (c *Client) leave(id uint64, deadline bool) bool {
	c.mu.Lock()
	_, live := c.calls[id]
	delete(c.calls, id)
	c.mu.Unlock()
	if live {
		c.out.control(func(b []byte) []byte { return appendCancel(b, id, deadline) })
		c.settle()
	}
	return live
}

// settle counts a call that will send no further frame.
func (c *Client) settle() {
	c.mu.Lock()
	c.live--
	last := c.closing && c.live == 0
	c.mu.Unlock()
	if last {
		c.out.finish()
	}
}

// ErrNotSent is what the error of a call is, by [errors.Is], if nothing of it was
// sent because the session had ended or was closed: it can be made again,
// whatever it does. The error itself is a gRPC status too.
var ErrNotSent = errors.New("session: the call was not sent")

type notSent struct{ status error }

func (e *notSent) Error() string              { return e.status.Error() }
func (e *notSent) Is(target error) bool       { return target == ErrNotSent }
func (e *notSent) GRPCStatus() *status.Status { return status.Convert(e.status) }
