package client_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backplane-dev/backplane/sdk/client"
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// counted is a plugin that counts the RPCs that calls took. Its sessions may be
// those of somebody who does them wrong.
type counted struct {
	*wire.Server
	server          *grpc.Server
	sessions, calls atomic.Int32
	session         func(pb.ProviderService_SessionServer) error // nil: the SDK's own
}

func (c *counted) Session(s pb.ProviderService_SessionServer) error {
	c.sessions.Add(1)
	if c.session != nil {
		return c.session(s)
	}
	return c.Server.Session(s)
}

func (c *counted) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	c.calls.Add(1)
	return c.Server.Call(ctx, in)
}

// want checks how calls went to the plugin.
func (c *counted) want(t *testing.T, sessions, calls int32) {
	t.Helper()
	if s, n := c.sessions.Load(), c.calls.Load(); s != sessions || n != calls {
		t.Errorf("got %d sessions and %d calls as RPCs, want %d and %d", s, n, sessions, calls)
	}
}

// serveCounted serves ep, opens it as "e", and describes itself to the Conn.
func serveCounted(t *testing.T, c *counted, ep provider.Endpoint, opts ...client.Option) *client.Conn {
	t.Helper()
	c.Server = wire.NewServer(serving(ep), wire.WithLogger(slog.New(slog.DiscardHandler)))
	t.Cleanup(c.Close)
	conn := client.New(connect(t, func(s *grpc.Server) {
		c.server = s
		pb.RegisterProviderServiceServer(s, c)
	}), opts...)
	open(t, conn, provider.EndpointConfig{ID: "e", Revision: 1})
	if _, err := conn.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn
}

var answering = caller(func(context.Context, *provider.Request) (*provider.Response, error) {
	return &provider.Response{Body: []byte(`{}`)}, nil
})

func mustCall(t *testing.T, conn *client.Conn) {
	t.Helper()
	if _, err := conn.Call(t.Context(), chatRequest()); err != nil {
		t.Fatal(err)
	}
}

func TestAllCallsTravelOnOneSessionThatOutlivesTheFirst(t *testing.T) {
	t.Parallel()
	c := &counted{}
	conn := serveCounted(t, c, answering)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := conn.Call(ctx, chatRequest()); err != nil {
		t.Fatal(err)
	}
	cancel()
	for range 3 {
		mustCall(t, conn)
	}
	c.want(t, 1, 0)
}

func TestNoSessionIsOpenedWhereItIsForbiddenOrNotOffered(t *testing.T) {
	t.Parallel()
	forbidden := &counted{}
	mustCall(t, serveCounted(t, forbidden, answering, client.WithoutSession()))
	forbidden.want(t, 0, 1)

	undescribed := &counted{}
	undescribed.Server = wire.NewServer(serving(answering))
	conn := client.New(connect(t, func(s *grpc.Server) { pb.RegisterProviderServiceServer(s, undescribed) }))
	open(t, conn, provider.EndpointConfig{ID: "e", Revision: 1})
	mustCall(t, conn)
	undescribed.want(t, 0, 1)
}

func TestASessionThatEndsWronglyFailsItsCallsAndIsTheLast(t *testing.T) {
	t.Parallel()
	frame := func(f *pb.ResponseFrame) func(pb.ProviderService_SessionServer) error {
		return func(s pb.ProviderService_SessionServer) error {
			if _, err := s.Recv(); err != nil {
				return err
			}
			if err := s.Send(&pb.SessionResponse{Frames: []*pb.ResponseFrame{f}}); err != nil {
				return err
			}
			<-s.Context().Done()
			return nil
		}
	}
	for name, test := range map[string]struct {
		session func(pb.ProviderService_SessionServer) error
		want    string
	}{
		"an id that nobody opened": {frame(&pb.ResponseFrame{Id: 99, End: true}), "call 99, which was never opened"},
		"an event for a call":      {frame(&pb.ResponseFrame{Id: 1, Frame: &pb.ResponseFrame_Event{Event: &pb.StreamResponse{}}}), "which is no stream"},
		"no session at all": {func(pb.ProviderService_SessionServer) error {
			return status.Error(codes.Unimplemented, "not here")
		}, "not here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan error, 2)
			c := &counted{session: test.session}
			conn := serveCounted(t, c, answering, client.OnFallback(func(err error) { told <- err }))
			_, err := conn.Call(t.Context(), chatRequest())
			wantError(t, err, provider.CodePluginUnavailable, provider.SourceHost)
			if err := <-told; !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			for range 3 {
				mustCall(t, conn)
			}
			c.want(t, 1, 3)
			if len(told) != 0 {
				t.Errorf("told again: %v", <-told)
			}
		})
	}
}

// The process lives, and something between the two ends cut the stream.
func TestASessionThatBreaksIsOpenedAgainButNotForEver(t *testing.T) {
	t.Parallel()
	told := make(chan error, 1)
	c := &counted{session: func(s pb.ProviderService_SessionServer) error {
		if _, err := s.Recv(); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "cut")
	}}
	conn := serveCounted(t, c, answering, client.OnFallback(func(err error) { told <- err }))
	for len(told) == 0 {
		// It may be an RPC while the last session's end is being noticed.
		if _, err := conn.Call(t.Context(), chatRequest()); err != nil {
			wantError(t, err, provider.CodePluginUnavailable, provider.SourceHost)
		}
	}
	before := c.calls.Load()
	mustCall(t, conn)
	c.want(t, 3, before+1)
	if err := <-told; !strings.Contains(err.Error(), "cut") {
		t.Errorf("got %v", err)
	}
}

func TestCloseLetsCallsFinishAndTheServerStop(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	c := &counted{}
	conn := serveCounted(t, c, caller(func(context.Context, *provider.Request) (*provider.Response, error) {
		close(began)
		<-release
		return &provider.Response{Body: []byte(`{}`)}, nil
	}))
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Call(context.Background(), chatRequest())
		answered <- err
	}()
	<-began
	conn.Close()
	conn.Close()
	stopped := make(chan struct{})
	go func() {
		c.server.GracefulStop()
		close(stopped)
	}()
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	<-stopped
	c.want(t, 1, 0)
}

func TestCallsAfterCloseAreRPCsOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := &counted{}
	conn := serveCounted(t, c, answering)
	mustCall(t, conn)
	conn.Close()
	mustCall(t, conn)
	if _, err := conn.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustCall(t, conn)
	c.want(t, 1, 2)
}

// A host that hangs sends no cancel, so the plugin keeps to the call's deadline by
// itself.
func TestTheCallsDeadlineReachesTheProviderOnASession(t *testing.T) {
	t.Parallel()
	deadline := make(chan time.Duration, 1)
	conn := serveCounted(t, &counted{}, caller(func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
		at, _ := ctx.Deadline()
		deadline <- time.Until(at)
		return &provider.Response{Body: []byte(`{}`)}, nil
	}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := conn.Call(ctx, chatRequest()); err != nil {
		t.Fatal(err)
	}
	if left := <-deadline; left <= 0 || left > time.Hour {
		t.Errorf("the provider has %v left", left)
	}
}

func TestALateAnswerIsATimeoutOnBothPaths(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]client.Option{"session": nil, "RPC": {client.WithoutSession()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := serveCounted(t, &counted{}, caller(func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
				<-ctx.Done()
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					t.Errorf("the context ended with %v", ctx.Err())
				}
				return &provider.Response{Body: []byte(`{}`)}, nil
			}), opts...)
			req := chatRequest()
			req.Timeout = time.Millisecond
			_, err := conn.Call(t.Context(), req)
			wantError(t, err, provider.CodeTimeout, provider.SourcePlugin)
		})
	}
}
