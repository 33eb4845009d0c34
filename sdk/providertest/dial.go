package providertest

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Dial serves p in process and connects to it over the real wire: what the test
// sees is what the host sees, on a session. Both ends are closed when the test
// ends.
func Dial(t testing.TB, p provider.Provider) *client.Conn {
	t.Helper()
	s, err := serveProvider(p)
	if err != nil {
		t.Fatalf("serve the provider in process: %v", err)
	}
	t.Cleanup(s.close)
	conn := client.New(s.cc)
	_, _ = conn.Describe(t.Context()) // as the host does; a test looks at failures of its own
	return conn
}

// serveProvider serves p as sdk.Serve does, in process.
func serveProvider(p provider.Provider) (*subject, error) {
	var server *wire.Server
	s, err := serve(wire.ServerOptions(wire.Manifest(p)), func(r *grpc.Server) { server = wire.Register(r, p) })
	if err != nil {
		return nil, err
	}
	stop := s.close
	s.close = func() {
		stop()
		server.Close()
	}
	return s, nil
}

// serve runs a gRPC server over an in-memory connection.
func serve(options []grpc.ServerOption, register func(*grpc.Server)) (*subject, error) {
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(options...)
	register(server)
	go func() { _ = server.Serve(listener) }() // ends with the server
	cc, err := grpc.NewClient("passthrough:///plugin", append(client.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	)...)
	if err != nil {
		server.Stop()
		return nil, err
	}
	s := newSubject(cc)
	s.close = func() {
		_ = cc.Close() // nothing depends on how the connection closed
		server.Stop()
	}
	return s, nil
}
