package session_test

import (
	"context"
	"math"
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// handler is a [session.Handler] of two functions.
type handler struct {
	call   func(context.Context, *provider.Request) (*provider.Response, error)
	stream func(context.Context, *provider.Request, func(provider.Event) error) error
}

func (h handler) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	return h.call(ctx, req)
}

func (h handler) Stream(ctx context.Context, req *provider.Request, send func(provider.Event) error) error {
	return h.stream(ctx, req, send)
}

// service serves a handler's sessions.
type service struct {
	pb.UnimplementedProviderServiceServer
	handler    session.Handler
	maxRequest int64
}

func (s *service) Session(stream grpc.BidiStreamingServer[pb.SessionRequest, pb.SessionResponse]) error {
	return session.Serve(stream, s.handler, s.maxRequest)
}

const limit = 8 << 20

// overSocket serves h over a unix socket, as plugins are, but in this process.
func overSocket(t testing.TB, h session.Handler) pb.ProviderServiceClient {
	t.Helper()
	return serveOver(t, &service{handler: h, maxRequest: limit}, insecure.NewCredentials(), insecure.NewCredentials())
}

func serveOver(t testing.TB, s pb.ProviderServiceServer, server, client credentials.TransportCredentials) pb.ProviderServiceClient {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	window := int32(1 << 20)
	srv := grpc.NewServer(grpc.Creds(server), grpc.MaxRecvMsgSize(limit),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window))
	pb.RegisterProviderServiceServer(srv, s)
	go func() { _ = srv.Serve(listener) }()
	cc, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(client),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cc.Close()
		srv.Stop()
	})
	return pb.NewProviderServiceClient(cc)
}

// dial begins a session with h.
func dial(t testing.TB, h session.Handler) *session.Client {
	t.Helper()
	return begin(t, overSocket(t, h))
}

// begin begins a session on a connection.
func begin(t testing.TB, rpc pb.ProviderServiceClient) *session.Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := rpc.Session(ctx, grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.ForceCodecV2(session.Codec()))
	if err != nil {
		t.Fatal(err)
	}
	c := session.NewClient(stream, cancel, func() int64 { return limit })
	t.Cleanup(func() {
		cancel()
		<-c.Done()
	})
	return c
}

// chat is a request as hosts make them.
func chat(body []byte) *provider.Request {
	return &provider.Request{Endpoint: "openai", Revision: 7, Operation: provider.OpChat, Model: "gpt-4o-mini",
		RequestID: "req-0123456789abcdef", Attempt: 1, Body: body}
}
