package wire

import (
	"context"
	"sync"
	"time"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// heartbeatEvery is the silence after which a stream says that it lives, short
// enough for the usual idle limits of a minute and of 30 seconds.
const heartbeatEvery = 15 * time.Second

// maxDataMessage is the size, in bytes, after which the chunks of one Send are
// split over several events, so that one does not hold up all other streams of
// the connection; bodies on a session have pieces of the same size. A single
// larger chunk travels whole.
const maxDataMessage = 64 << 10

// Stream implements ProviderService.
func (s *Server) Stream(in *pb.StreamRequest, stream pb.ProviderService_StreamServer) error {
	return s.stream(stream.Context(), FromEnvelope(in.GetEnvelope(), in.GetBody()), func(e provider.Event) error {
		return stream.Send(ToEvent(e))
	})
}

// stream answers a call of mode "stream", however it came. send must have done
// with an event when it returns. The error is a status.
func (s *Server) stream(ctx context.Context, req *provider.Request, send func(provider.Event) error) error {
	c := call{server: s, req: req, mode: provider.ModeStream}
	if err := c.begin(); err != nil {
		return err
	}
	defer c.end()
	a := c.attempt(ctx)
	defer a.finish()
	out := &sink{send: send, arrived: a.arrived}
	var finish provider.Finish
	err := c.guard.run(func() (err error) {
		finish, err = c.stream(a, out)
		return err
	})
	return c.result(a, out.end(finish, err))
}

// stream dispatches a call of mode "stream", the typed interface before the raw one.
func (c *call) stream(ctx context.Context, out provider.Sink) (provider.Finish, error) {
	if ep, ok := c.endpoint.(provider.ChatStreamer); ok && c.req.Operation == provider.OpChat {
		req, err := c.chatRequest()
		if err != nil {
			return provider.Finish{}, err
		}
		return ep.StreamChat(ctx, req, provider.NewChatWriter(out))
	}
	if ep, ok := c.endpoint.(provider.Streamer); ok {
		return ep.Stream(ctx, c.req, out)
	}
	return provider.Finish{}, c.unsupported()
}

// sink implements [provider.Sink] over the server's side of a stream. The mutex
// serves the heartbeat only: the author uses a sink from one goroutine.
type sink struct {
	send    func(provider.Event) error
	arrived func() // lifts the attempt's time limit

	mu      sync.Mutex
	started bool
	ended   bool
	usage   *provider.Usage
	sent    time.Time // when the last event went out
	beat    *time.Timer
}

// Start implements [provider.Sink].
func (s *sink) Start(meta provider.Meta) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return provider.Errorf(provider.CodeInternal, "the stream was started before; call Start once, before the first Send")
	}
	return s.start(&meta)
}

// start must be called with the mutex held.
func (s *sink) start(meta *provider.Meta) error {
	s.started = true
	if err := s.event(provider.Event{Kind: provider.EventStarted, Meta: meta}); err != nil {
		return err
	}
	s.beat = time.AfterFunc(heartbeatEvery, s.heartbeat)
	return nil
}

// Send implements [provider.Sink]. The chunks are encoded when it returns, so
// the author may use them again.
func (s *sink) Send(chunks ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		if err := s.start(&provider.Meta{}); err != nil {
			return err
		}
	}
	for len(chunks) > 0 {
		n := fitting(chunks)
		if err := s.event(provider.Event{Kind: provider.EventData, Chunks: chunks[:n]}); err != nil {
			return err
		}
		s.arrived()
		chunks = chunks[n:]
	}
	return nil
}

// fitting counts the chunks that go into one message, at least one.
func fitting(chunks [][]byte) int {
	size := 0
	for i, c := range chunks {
		size += len(c)
		if size > maxDataMessage && i > 0 {
			return i
		}
	}
	return len(chunks)
}

// Usage implements [provider.Sink].
func (s *sink) Usage(u provider.Usage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		if err := s.start(&provider.Meta{}); err != nil {
			return err
		}
	}
	s.usage = &u
	return s.event(provider.Event{Kind: provider.EventUsage, Usage: &u})
}

// event sends one event; the mutex must be held.
func (s *sink) event(e provider.Event) error {
	if s.ended {
		return errOver
	}
	if err := s.send(e); err != nil {
		return callerLeft(err)
	}
	s.sent = time.Now()
	return nil
}

// errOver answers authors who use a sink after their method returned.
var errOver = provider.Errorf(provider.CodeInternal, "the call is over: the method that was given this sink has returned")

// callerLeft is the failure of a send: the other side is gone.
func callerLeft(err error) error {
	return &provider.Error{Code: provider.CodeCanceled, Source: provider.SourceCaller,
		Message: "the caller left before the answer was complete", Cause: err}
}

// heartbeat runs on the timer's goroutine. If a Send holds the mutex because
// its reader is slow, it waits for it and then finds that the stream is not silent.
func (s *sink) heartbeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	wait := heartbeatEvery - time.Since(s.sent)
	if wait <= 0 {
		if s.event(provider.Event{Kind: provider.EventHeartbeat}) != nil {
			return // the author's next Send meets the same failure
		}
		wait = heartbeatEvery
	}
	s.beat.Reset(wait)
}

// end sends the one finished event of a stream that ended well. Nothing can be
// sent afterwards.
func (s *sink) end(finish provider.Finish, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !s.started {
		err = s.start(&provider.Meta{})
	}
	if err == nil {
		if finish.Usage == nil {
			finish.Usage = s.usage
		}
		err = s.event(provider.Event{Kind: provider.EventFinished, Finish: &finish})
	}
	s.ended = true
	if s.beat != nil {
		s.beat.Stop()
	}
	return err
}
