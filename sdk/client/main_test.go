package client_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial serves p in process, over the real wire, and returns a Conn to it.
func dial(t testing.TB, p provider.Provider) *client.Conn {
	t.Helper()
	return dialService(t, func(s *grpc.Server) {
		server := wire.Register(s, p, wire.WithLogger(slog.New(slog.DiscardHandler)))
		t.Cleanup(server.Close)
	})
}

// dialService serves whatever register registers.
func dialService(t testing.TB, register func(*grpc.Server)) *client.Conn {
	t.Helper()
	return client.New(connect(t, register))
}

func connect(t testing.TB, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(64 << 10)
	server := grpc.NewServer(wire.ServerOptions(provider.Manifest{})...)
	register(server)
	go func() { _ = server.Serve(listener) }()
	cc, err := grpc.NewClient("passthrough:plugin", append(client.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cc.Close()
		server.Stop()
	})
	return cc
}
