package session

import (
	"context"
	"errors"
	"io"
	"sync"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// window is the credit of a stream, in bytes: what the plugin may send before the
// host has read it. More follows when half of it has been read.
const window = 256 << 10

// eventStream is the host's side of a call of mode "stream".
type eventStream struct {
	call   call
	client *Client
	ctx    context.Context
	stop   func() bool // forgets the end of ctx

	// For the reader of the stream alone.
	order Order
	front *batch // what Next hands out
	end   error  // what all further Next return
	owed  int    // bytes that were read and not given back as credit

	mu      sync.Mutex
	back    *batch // what came since
	credit  int    // what the plugin has left of its credit, at least
	tail    error  // follows the events that are there: io.EOF or why the stream failed
	left    error  // why the host has ended the stream
	waiting bool   // Next sleeps
}

// Stream calls an operation of mode "stream". It returns when the request is on
// its way, without waiting for the first event; req.Body is not read after that.
// Errors of the stream are statuses as the RPC Stream would have ended with, or
// [*provider.Error] values.
func (c *Client) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	s := &eventStream{client: c, ctx: ctx, credit: window}
	s.call = call{events: s, wake: make(chan struct{}, 1)}
	err := c.begin(ctx, &s.call, pb.Mode_MODE_STREAM, req, window)
	switch {
	case err == nil || errors.Is(err, errAnswered):
		s.stop = context.AfterFunc(ctx, func() { s.leave(rpcError(ctx.Err())) })
		return s, nil
	case s.call.id != 0:
		c.leave(s.call.id, errors.Is(err, context.DeadlineExceeded))
	}
	return nil, rpcError(err)
}

// Next implements [provider.EventStream].
func (s *eventStream) Next() (provider.Event, error) {
	if s.end != nil {
		return provider.Event{}, s.end
	}
	event, err := s.next()
	if err == nil {
		if err = s.order.Check(event.Kind); err == nil {
			return event, nil
		}
	}
	if errors.Is(err, io.EOF) {
		if cut := s.order.End(); cut != nil {
			err = cut
		}
	}
	s.end = err
	s.quit(err)
	return provider.Event{}, err
}

// next waits for the next event.
func (s *eventStream) next() (provider.Event, error) {
	for {
		if s.front != nil {
			if event, ok := s.front.next(); ok {
				return event, nil
			}
			s.front.free()
			s.front = nil
		}
		if err := s.refill(); err != nil {
			return provider.Event{}, err
		}
	}
}

// refill waits until there are events and makes them the front.
func (s *eventStream) refill() error {
	s.mu.Lock()
	for s.back == nil {
		if err := s.over(); err != nil {
			s.mu.Unlock()
			return err
		}
		s.waiting = true
		s.mu.Unlock()
		<-s.call.wake
		s.mu.Lock()
	}
	if s.left != nil {
		defer s.mu.Unlock()
		return s.left
	}
	s.front, s.back = s.back, nil
	grant := s.repay(s.front.size)
	s.mu.Unlock()
	if grant > 0 {
		s.client.out.control(func(b []byte) []byte { return appendCredit(b, s.call.id, uint32(grant)) })
	}
	return nil
}

// over is why there will be no further event, nil if there may be some. The mutex
// must be held.
func (s *eventStream) over() error {
	if s.left != nil {
		return s.left
	}
	return s.tail
}

// repay counts n bytes as read and returns the credit that is now due to the
// plugin. The mutex must be held.
func (s *eventStream) repay(n int) (grant int) {
	s.owed += n
	if s.owed < window/2 || s.tail != nil {
		return 0
	}
	grant, s.owed = s.owed, 0
	s.credit += grant
	return grant
}

// Close implements [provider.EventStream].
func (s *eventStream) Close() { s.quit(nil) }

// quit ends the stream from the host's side for good; why is what Next returns
// from now on, nil that the reader closed it.
func (s *eventStream) quit(why error) {
	s.stop()
	s.leave(why)
}

func (s *eventStream) leave(why error) {
	s.mu.Lock()
	if s.left == nil {
		if why == nil {
			why = closed()
		}
		s.left = why
	}
	s.mu.Unlock()
	s.client.leave(s.call.id, errors.Is(s.ctx.Err(), context.DeadlineExceeded))
	signal(s.call.wake)
}

// closed is what a Next under way returns after Close.
func closed() error {
	return &provider.Error{Code: provider.CodeCanceled, Source: provider.SourceCaller,
		Message: "the reader closed the answer before its end"}
}

// take works on an event that came; see [call.take].
func (s *eventStream) take(f *responseFrame, limit int64) (failed, breach error) {
	if int64(f.size) > limit {
		return tooLarge(int64(f.size), limit), nil
	}
	if f.event.Kind == 0 { // of a kind that this version does not know
		return nil, nil
	}
	cost := 0
	for _, c := range f.event.Chunks {
		cost += len(c)
	}
	s.mu.Lock()
	if cost > 0 {
		if s.credit <= 0 {
			s.mu.Unlock()
			return nil, violation("an event of call %d without credit", f.id)
		}
		s.credit -= cost
	}
	if s.left == nil {
		if s.back == nil {
			s.back = s.client.memory.batch()
		}
		s.back.add(&f.event, cost)
	}
	wake := s.waiting
	s.waiting = false
	s.mu.Unlock()
	if wake {
		signal(s.call.wake)
	}
	return nil, nil
}

// finish ends the stream after the events that are there.
func (s *eventStream) finish(err error) {
	if err == nil {
		err = io.EOF
	}
	s.mu.Lock()
	s.tail = err
	s.mu.Unlock()
	signal(s.call.wake)
}
