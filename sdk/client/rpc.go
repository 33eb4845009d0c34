package client

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// rpcTransport carries every call as an RPC of its own. Plugins in any language
// offer it.
type rpcTransport struct {
	rpc         pb.ProviderServiceClient
	maxResponse *atomic.Int64
}

func (t *rpcTransport) call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	in := &pb.CallRequest{Envelope: wire.ToEnvelope(req), Body: req.Body}
	out, err := t.rpc.Call(ctx, in, t.limit())
	if err != nil {
		return nil, wire.FromCall(ctx, err)
	}
	return wire.FromResponse(out), nil
}

func (t *rpcTransport) stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	in := &pb.StreamRequest{Envelope: wire.ToEnvelope(req), Body: req.Body}
	rpc, err := t.rpc.Stream(ctx, in, t.limit())
	if err != nil {
		err = wire.FromCall(ctx, err)
		cancel(nil)
		return nil, err
	}
	return &rpcStream{ctx: ctx, cancel: cancel, recv: rpc.Recv}, nil
}

// limit bounds the messages taken from the plugin.
func (t *rpcTransport) limit() grpc.CallOption {
	return grpc.MaxCallRecvMsgSize(int(t.maxResponse.Load()))
}
