package sdk

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// minProbeInterval is how often a host may probe the connection. gRPC's own
// default of five minutes ends healthy connections of hosts that probe more.
const minProbeInterval = 5 * time.Second

// serve serves a host until it stops the plugin or dies.
func (p *program) serve(m provider.Manifest) int {
	slog.SetDefault(newLogger(p.stderr, p.env(LogLevelEnv)))
	s := newService(p.provider, m)
	go s.followHost(p.env)
	if addr := p.env(ProfileEnv); addr != "" {
		serveProfiles(addr)
	}
	config := s.config(p.stderr, p.env(LogLevelEnv))
	handshake, encryption, err := p.encrypt(config)
	if err != nil {
		return p.fail("backplane-provider-%s: set up the encryption between host and plugin: %v", m.Name, err)
	}
	config.GRPCServer = func(opts []grpc.ServerOption) *grpc.Server {
		// go-plugin prints the handshake to os.Stdout next, and then replaces
		// os.Stdout and os.Stderr by pipes that block if the host does not read
		// them. The first call, which can only follow, takes them back.
		os.Stdout = handshake
		takeBack := sync.OnceFunc(func() { os.Stdout, os.Stderr = p.stderr, p.stderr })
		opts = append(opts, beforeCalls(takeBack)...)
		return s.newGRPC(append(opts, encryption...))
	}
	plugin.Serve(config)
	s.wire.Close()
	if s.grpc.Load() == nil {
		return p.fail("backplane-provider-%s: cannot listen: see the log line above; "+
			"a socket's path, which begins with PLUGIN_UNIX_SOCKET_DIR or the temporary directory, must stay under 100 bytes", m.Name)
	}
	return exitOK
}

// encrypt sets up mutual TLS if the host asks for it. It returns the file that the
// handshake line is to be printed to, and what the server needs.
func (p *program) encrypt(config *plugin.ServeConfig) (*os.File, []grpc.ServerOption, error) {
	host := p.env(hostCertificateEnv)
	if host == "" {
		return p.stdout, nil, nil
	}
	own, err := newEncryption(host)
	if err != nil {
		return nil, nil, err
	}
	config.TLSProvider = func() (*tls.Config, error) { return own.config, nil }
	handshake, err := own.announce(p.stdout)
	// go-plugin makes credentials of the same configuration; the last ones count.
	return handshake, []grpc.ServerOption{grpc.Creds(wire.TLS(own.config))}, err
}

// beforeCalls runs f before every call is handled.
func beforeCalls(f func()) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			f()
			return next(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			f()
			return next(srv, stream)
		}),
	}
}

// config is what go-plugin needs in all ways of serving.
func (s *service) config(stderr *os.File, level string) *plugin.ServeConfig {
	return &plugin.ServeConfig{
		HandshakeConfig: client.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{
			wire.Protocol: {client.PluginName: &served{wire: s.wire}},
		},
		GRPCServer: s.newGRPC,
		Logger:     newPluginLogger(stderr, level),
	}
}

// newGRPC makes the gRPC server with the limits of the manifest.
func (s *service) newGRPC(opts []grpc.ServerOption) *grpc.Server {
	opts = append(opts, wire.ServerOptions(s.manifest)...)
	opts = append(opts,
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minProbeInterval, PermitWithoutStream: true}),
	)
	server := grpc.NewServer(opts...)
	s.grpc.Store(server)
	return server
}
