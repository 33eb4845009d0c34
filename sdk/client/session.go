package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxBroken is how many sessions of a Conn may end with their connection until
// it stays with the plain RPCs. A connection that breaks so often gains nothing
// from sessions.
const maxBroken = 3

// sessions keeps the one session of a Conn: opened at the first call of a plugin
// that offers it, and again after the connection broke. Whatever stands in the
// way of that, calls go over the plain RPCs meanwhile.
type sessions struct {
	rpc         pb.ProviderServiceClient
	maxResponse *atomic.Int64
	// gaveUp is told, once, why there will be no sessions any more.
	gaveUp func(error)

	// current is nil while there is none.
	current atomic.Pointer[session.Client]
	// wanted is true while a session may be opened: the plugin offers it, none
	// is open, none failed for good, and the Conn is not closed.
	wanted atomic.Bool

	mu        sync.Mutex // held while a session is opened
	forbidden bool       // none will be opened any more
	broken    int
}

// offered takes note of what the plugin said that it offers.
func (s *sessions) offered(m provider.Manifest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(m.Capabilities, wire.CapabilitySession) && !s.forbidden && s.current.Load() == nil {
		s.wanted.Store(true)
	}
}

// get returns the session to make a call on, nil if it is to be an RPC of its
// own. Opening one does not outlast ctx.
func (s *sessions) get(ctx context.Context) *session.Client {
	if c := s.current.Load(); c != nil {
		return c
	}
	if !s.wanted.Load() || !s.mu.TryLock() { // somebody else is at it: a call does not wait for that
		return s.current.Load()
	}
	defer s.mu.Unlock()
	if s.wanted.Load() {
		s.open(ctx)
	}
	return s.current.Load()
}

// open opens a session. The stream must outlive the call that opens it, but
// waiting for it must not. The mutex is held.
func (s *sessions) open(ctx context.Context) {
	own, cancel := context.WithCancel(context.Background())
	stopped := context.AfterFunc(ctx, cancel)
	stream, err := s.rpc.Session(own, grpc.MaxCallRecvMsgSize(int(s.maxResponse.Load())+session.MessageRoom),
		grpc.ForceCodecV2(session.Codec()))
	if !stopped() || err != nil {
		cancel() // the call's own RPC meets the same obstacle and reports it
		return
	}
	c := session.NewClient(stream, cancel, s.maxResponse.Load)
	s.wanted.Store(false)
	s.current.Store(c)
	go s.watch(stream.Context(), c)
}

// watch waits for the end of a session and draws the conclusion.
func (s *sessions) watch(ctx context.Context, c *session.Client) {
	<-ctx.Done()
	s.current.CompareAndSwap(c, nil) // at once: no new call meets what is broken
	<-c.Done()
	if err := s.ended(c.Err()); err != nil && s.gaveUp != nil {
		s.gaveUp(err)
	}
}

// ended takes note of the end of the session that was open. It returns why there
// will be no other, nil if there will be or if that was said before.
func (s *sessions) ended(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forbidden {
		return nil
	}
	if code := status.Code(err); code == codes.Unavailable || code == codes.Canceled {
		if s.broken++; s.broken < maxBroken {
			s.wanted.Store(true)
			return nil
		}
	}
	s.forbidden = true
	if err == nil {
		err = errors.New("the plugin ended it without being asked to")
	}
	return fmt.Errorf("a session with the plugin ended: %w; its calls travel as RPCs of their own from now on", err)
}

// close half-closes the session and opens none any more.
func (s *sessions) close() {
	s.mu.Lock()
	s.forbidden = true
	s.wanted.Store(false)
	c := s.current.Swap(nil)
	s.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

// sessionStream is an event stream that travels on a session.
type sessionStream struct {
	provider.EventStream
	ctx context.Context
}

// Next implements [provider.EventStream].
func (s sessionStream) Next() (provider.Event, error) {
	event, err := s.EventStream.Next()
	if err != nil && err != io.EOF { //nolint:errorlint // a lost connection may have io.EOF as its cause
		err = wire.FromCall(s.ctx, err)
	}
	return event, err
}
