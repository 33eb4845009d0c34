package client

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Conn speaks with one running plugin. Only [New] makes one. It is safe for
// concurrent use and does not own its connection.
type Conn struct {
	rpc   pb.ProviderServiceClient
	calls transport
	// maxResponse is the largest message taken from the plugin, in bytes.
	maxResponse *atomic.Int64
}

// transport carries calls and streams to the plugin.
type transport interface {
	call(ctx context.Context, req *provider.Request) (*provider.Response, error)
	stream(ctx context.Context, req *provider.Request) (provider.EventStream, error)
}

// New makes a Conn on an established connection.
func New(cc grpc.ClientConnInterface) *Conn {
	limit := new(atomic.Int64)
	limit.Store(wire.DefaultMaxResponse + wire.MessageSlack)
	rpc := pb.NewProviderServiceClient(cc)
	return &Conn{rpc: rpc, calls: &rpcTransport{rpc: rpc, maxResponse: limit}, maxResponse: limit}
}

// Describe returns the plugin's manifest. It works before Configure. From then
// on the limits that the manifest declares apply to answers.
func (c *Conn) Describe(ctx context.Context) (provider.Manifest, error) {
	out, err := c.rpc.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return provider.Manifest{}, wire.FromCall(ctx, err)
	}
	m := wire.FromManifest(out.GetManifest())
	if limit := m.Limits.MaxResponseBytes; limit > 0 {
		c.maxResponse.Store(limit + wire.MessageSlack)
	}
	return m, nil
}

// Configure hands over the settings of the whole process. Mistakes in them come
// back as diagnostics; the error is for everything else.
func (c *Conn) Configure(ctx context.Context, cfg provider.ProviderConfig) ([]schema.Diagnostic, error) {
	out, err := c.rpc.Configure(ctx, &pb.ConfigureRequest{SettingsJson: cfg.Settings.JSON()})
	if err != nil {
		return nil, wire.FromCall(ctx, err)
	}
	return wire.FromDiagnostics(out.GetDiagnostics()), nil
}

// OpenEndpoint makes an endpoint ready for calls or replaces it; calls in flight
// finish on the old one. It is open if no diagnostic is an error.
func (c *Conn) OpenEndpoint(ctx context.Context, cfg provider.EndpointConfig) ([]schema.Diagnostic, error) {
	out, err := c.rpc.OpenEndpoint(ctx, wire.ToEndpointConfig(cfg))
	if err != nil {
		return nil, wire.FromCall(ctx, err)
	}
	return wire.FromDiagnostics(out.GetDiagnostics()), nil
}

// CloseEndpoint forgets an endpoint once its calls ended. An unknown id is no
// error.
func (c *Conn) CloseEndpoint(ctx context.Context, id string) error {
	_, err := c.rpc.CloseEndpoint(ctx, wire.ToCloseEndpoint(id))
	return callError(ctx, err)
}

// TestEndpoint asks whether the service answers and accepts the credential. Of
// req it needs Endpoint; RequestID, Timeout and Credential are honoured.
func (c *Conn) TestEndpoint(ctx context.Context, req *provider.Request) error {
	_, err := c.rpc.TestEndpoint(ctx, &pb.TestEndpointRequest{Envelope: wire.ToEnvelope(req)})
	return callError(ctx, err)
}

// Call calls an operation of mode "call".
func (c *Conn) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	return c.calls.call(ctx, req)
}

// Stream calls an operation of mode "stream". It does not wait for the first
// event. The stream must be closed; the end of ctx ends it too.
func (c *Conn) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	return c.calls.stream(ctx, req)
}

// Health asks the plugin about itself. Give ctx a deadline: a hanging process
// does not answer.
func (c *Conn) Health(ctx context.Context) (provider.Health, error) {
	out, err := c.rpc.Health(ctx, &pb.HealthRequest{})
	if err != nil {
		return provider.Health{}, wire.FromCall(ctx, err)
	}
	return provider.Health{Ready: out.GetReady(), Message: out.GetMessage(), InFlight: int(out.GetInFlight())}, nil
}

// Drain tells the plugin to refuse new calls and that it will be stopped after
// timeout. It returns at once; Health counts what is still in flight.
func (c *Conn) Drain(ctx context.Context, timeout time.Duration) error {
	_, err := c.rpc.Drain(ctx, &pb.DrainRequest{Timeout: durationpb.New(timeout)})
	return callError(ctx, err)
}

// callError avoids a nil *provider.Error inside a non-nil error.
func callError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return wire.FromCall(ctx, err)
}
