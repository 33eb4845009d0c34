package sdk

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// service is a provider while it is being served.
type service struct {
	manifest provider.Manifest
	wire     *wire.Server
	grpc     atomic.Pointer[grpc.Server] // nil until go-plugin listens
}

func newService(p provider.Provider, m provider.Manifest) *service {
	return &service{manifest: m, wire: wire.NewServer(p)}
}

// served is the plugin's half of go-plugin's glue; the host's is client.Plugins.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	wire *wire.Server
}

// GRPCServer implements [plugin.GRPCPlugin].
func (s *served) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	s.wire.RegisterWith(server)
	return nil
}

// GRPCClient implements [plugin.GRPCPlugin].
func (s *served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this side is the plugin; a host uses client.Plugins")
}
