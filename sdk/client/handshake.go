package client

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/internal/wire"
)

// PluginName is the name under which a plugin is dispensed; see [Plugins].
const PluginName = "provider"

// LifelineEnv is the environment variable with the number of a file descriptor
// that the plugin reads from. The host keeps the other end of that pipe open
// and never writes: its end of file means that the host is gone, however it
// died, and the plugin exits.
const LifelineEnv = "BACKPLANE_LIFELINE_FD"

// Handshake is shared by host and plugin. The cookie tells a plugin that a host
// started it and not a person; it protects nothing.
var Handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "BACKPLANE_PLUGIN",
	MagicCookieValue: "provider",
}

// Plugins returns the plugin sets by major version of the protocol, for
// [plugin.ClientConfig.VersionedPlugins]. Dispensing [PluginName] yields a *[Conn]
// with the given options.
func Plugins(opts ...Option) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{wire.Protocol: {PluginName: grpcPlugin{opts: opts}}}
}

// DialOptions are the options of a connection that carries a [Conn]: windows for
// a path within one machine, and no limit of messages, which the Conn limits
// itself. They go into GRPCDialOptions of [plugin.ClientConfig].
func DialOptions() []grpc.DialOption { return wire.DialOptions() }

// grpcPlugin is the host's half; the SDK serves with one of its own.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	opts []Option
}

// GRPCServer implements [plugin.GRPCPlugin].
func (grpcPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this side is the host; a plugin is served by sdk.Serve")
}

// GRPCClient implements [plugin.GRPCPlugin].
func (p grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, cc *grpc.ClientConn) (any, error) {
	return New(cc, p.opts...), nil
}
