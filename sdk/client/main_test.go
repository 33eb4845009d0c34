package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// patience bounds what would hang for ever if it were wrong.
const patience = 30 * time.Second

// plain is true while the tests run over the plain RPCs.
var plain bool

// bothPaths runs all tests twice: what holds on a session must hold on the plain
// RPCs.
type bothPaths struct{ *testing.M }

func (m bothPaths) Run() int {
	if code := m.M.Run(); code != 0 {
		fmt.Fprintln(os.Stderr, "the tests above ran over a session")
		return code
	}
	plain = true
	code := m.M.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, "the tests above ran over Call and Stream")
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(bothPaths{m}) }

// dial serves p in process, over the real wire, and returns a Conn to it.
func dial(t testing.TB, p provider.Provider) *client.Conn {
	t.Helper()
	conn := dialService(t, func(s *grpc.Server) {
		server := wire.Register(s, p, wire.WithLogger(slog.New(slog.DiscardHandler)))
		t.Cleanup(server.Close)
	})
	_, _ = conn.Describe(t.Context()) // as every host does; a test looks at failures of its own
	return conn
}

// dialService serves whatever register registers.
func dialService(t testing.TB, register func(*grpc.Server)) *client.Conn {
	t.Helper()
	var opts []client.Option
	if plain {
		opts = append(opts, client.WithoutSession())
	}
	return client.New(connect(t, register), opts...)
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
