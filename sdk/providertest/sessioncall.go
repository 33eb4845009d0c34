package providertest

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// sessionCall is one call or stream on a session of the kit. One goroutine reads
// it.
type sessionCall struct {
	session *session
	ctx     context.Context
	id      uint64
	mode    pb.Mode

	// All of this is under the session's mutex.
	frames    []*pb.ResponseFrame // arrived and not read yet
	credit    int64               // what the plugin may send
	begun     bool                // the result has come
	announced uint64              // size of the answer's body, 0 if it was not said
	body      uint64              // bytes of it that came
	over      bool                // the frame with end has come
	cancelled bool
	late      int // frames that came after the cancel

	arrived chan struct{} // signalled when frames were added
	hold    bool          // give no credit back
	read    bool          // the frame with end was read
}

// check holds a frame to the rules.
func (c *sessionCall) check(frame *pb.ResponseFrame) error {
	if c.over {
		return breachf("sent a further frame of a call after the one with end")
	}
	c.over = frame.GetEnd()
	isCall := c.mode == pb.Mode_MODE_CALL
	switch f := frame.GetFrame().(type) {
	case *pb.ResponseFrame_Result:
		if !isCall {
			return breachf("answered a stream with a result")
		}
		if c.begun {
			return breachf("sent a second result of a call")
		}
		c.begun, c.announced = true, frame.GetBodySize()
		return c.checkPiece(f.Result.GetBody())
	case *pb.ResponseFrame_Data:
		if !isCall || !c.begun {
			return breachf("sent a piece of a body without a result before it")
		}
		return c.checkPiece(f.Data)
	case *pb.ResponseFrame_Event:
		if isCall {
			return breachf("answered a call with an event")
		}
		return c.spend(f.Event.GetData().GetChunks())
	case *pb.ResponseFrame_Error:
		if !frame.GetEnd() {
			return breachf("sent an error without end")
		}
	}
	return nil
}

// checkPiece counts a piece of the answer's body.
func (c *sessionCall) checkPiece(data []byte) error {
	c.body += uint64(len(data))
	switch {
	case len(data) > pieceSize:
		return breachf("sent a piece of %d bytes; %d is the most", len(data), pieceSize)
	case c.over && c.announced > 0 && c.body != c.announced:
		return breachf("announced a body of %d bytes and sent %d", c.announced, c.body)
	default:
		return nil
	}
}

// spend takes the price of a data event off the credit.
func (c *sessionCall) spend(chunks [][]byte) error {
	if len(chunks) == 0 {
		return nil
	}
	if c.credit <= 0 {
		return breachf("sent a data event without credit")
	}
	for _, chunk := range chunks {
		c.credit -= int64(len(chunk))
	}
	return nil
}

// next returns the next frame of the call, or how it failed.
func (c *sessionCall) next() (*pb.ResponseFrame, error) {
	for {
		c.session.mu.Lock()
		frames, err := c.frames, c.session.err
		if len(frames) > 0 {
			c.frames = frames[1:]
		}
		c.session.mu.Unlock()
		switch {
		case len(frames) > 0 && frames[0].GetError() != nil:
			return nil, statusOf(frames[0].GetError())
		case len(frames) > 0:
			return frames[0], nil
		case err != nil:
			return nil, err
		}
		select {
		case <-c.arrived:
		case <-c.session.ended:
		case <-c.ctx.Done():
			return nil, status.FromContextError(c.ctx.Err()).Err()
		}
	}
}

// cancel ends the call from the host's side, if it has not ended, when its
// context has.
func (c *sessionCall) cancel() {
	c.session.mu.Lock()
	over := c.over
	c.cancelled = !over
	c.session.mu.Unlock()
	if over {
		return
	}
	deadline := errors.Is(c.ctx.Err(), context.DeadlineExceeded)
	frame := &pb.RequestFrame_Cancel{Cancel: &pb.SessionCancel{Deadline: deadline}}
	_ = c.session.send(&pb.RequestFrame{Id: c.id, Frame: frame}) // a session that is over has no call to cancel
}

// grant lets the plugin send n more bytes.
func (c *sessionCall) grant(n uint32) error {
	c.session.mu.Lock()
	c.credit += int64(n)
	c.session.mu.Unlock()
	return c.session.send(&pb.RequestFrame{Id: c.id, Frame: &pb.RequestFrame_Credit{Credit: n}})
}

// Recv returns the next event of a stream, as the plain RPC's stream does.
func (c *sessionCall) Recv() (*pb.StreamResponse, error) {
	for !c.read {
		frame, err := c.next()
		if err != nil {
			return nil, err
		}
		c.read = frame.GetEnd()
		event := frame.GetEvent()
		if event == nil {
			continue
		}
		var size uint32
		for _, chunk := range event.GetData().GetChunks() {
			size += uint32(len(chunk))
		}
		if size > 0 && !c.hold && !c.read {
			if err := c.grant(size); err != nil {
				return nil, err
			}
		}
		return event, nil
	}
	return nil, io.EOF
}

// Context returns the context of the call.
func (c *sessionCall) Context() context.Context { return c.ctx }
