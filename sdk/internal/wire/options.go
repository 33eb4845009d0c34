package wire

import (
	"math"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"

	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// window is the flow-control window, in bytes, of a connection and of each
// stream on it, in both directions. Set explicitly it turns off gRPC's estimator,
// which would send a ping for every burst of data to measure a path that never
// leaves the machine. A session needs room for what all of its calls have under
// way; what bounds each of them is its credit.
const window = 1 << 20

// ServerOptions are the options of a plugin's gRPC server with this manifest.
func ServerOptions(m provider.Manifest) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage(m)),
		grpc.ForceServerCodecV2(session.Codec()),
		experimental.BufferPool(session.Buffers),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
	}
}

// DialOptions are the options of a host's connection to a plugin. Messages are
// not limited by the connection: client.Conn limits what it takes call by call, the
// plugin what it is sent.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		experimental.WithBufferPool(session.Buffers),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
	}
}
