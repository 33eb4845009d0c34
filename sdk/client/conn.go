package client

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Conn speaks with one running plugin. Only [New] makes one. It is safe for
// concurrent use and does not own its connection.
//
// Calls and streams travel as frames on one long-lived RPC, the session, if the
// plugin offers it, and each as an RPC of its own else. Which of the two a call
// took cannot be told from its outcome.
type Conn struct {
	rpc      pb.ProviderServiceClient
	plain    rpcTransport
	sessions sessions
	// maxResponse is the largest message taken from the plugin, in bytes.
	maxResponse *atomic.Int64
}

// Option changes a [Conn].
type Option func(*Conn)

// WithoutSession makes every call an RPC of its own, whatever the plugin offers.
func WithoutSession() Option { return func(c *Conn) { c.sessions.forbidden = true } }

// OnFallback sets what is called, once at most, when a Conn gives up sessions
// although the plugin offers them: it broke their rules, or they ended again and
// again. Nothing is lost with them but speed; the error says why.
func OnFallback(f func(error)) Option { return func(c *Conn) { c.sessions.gaveUp = f } }

// New makes a Conn on an established connection.
func New(cc grpc.ClientConnInterface, opts ...Option) *Conn {
	limit := new(atomic.Int64)
	limit.Store(wire.DefaultMaxResponse + wire.MessageSlack)
	rpc := pb.NewProviderServiceClient(cc)
	c := &Conn{
		rpc:         rpc,
		plain:       rpcTransport{rpc: rpc, maxResponse: limit},
		sessions:    sessions{rpc: rpc, maxResponse: limit},
		maxResponse: limit,
	}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// Describe returns the plugin's manifest. It works before Configure. From then
// on the limits that the manifest declares apply to answers, and calls travel on
// a session if the manifest offers it.
func (c *Conn) Describe(ctx context.Context) (provider.Manifest, error) {
	out, err := c.rpc.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return provider.Manifest{}, wire.FromCall(ctx, err)
	}
	m := wire.FromManifest(out.GetManifest())
	if limit := m.Limits.MaxResponseBytes; limit > 0 {
		c.maxResponse.Store(limit + wire.MessageSlack)
	}
	c.sessions.offered(m)
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
	if s := c.sessions.get(ctx); s != nil {
		resp, err := s.Call(ctx, req)
		switch {
		case err == nil:
			return resp, nil
		case !errors.Is(err, session.ErrNotSent):
			return nil, wire.FromCall(ctx, err)
		}
	}
	return c.plain.call(ctx, req)
}

// Stream calls an operation of mode "stream". It does not wait for the first
// event. The stream must be closed; the end of ctx ends it too.
func (c *Conn) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	if s := c.sessions.get(ctx); s != nil {
		inner, err := s.Stream(ctx, req)
		switch {
		case err == nil:
			return sessionStream{inner, ctx}, nil
		case !errors.Is(err, session.ErrNotSent):
			return nil, wire.FromCall(ctx, err)
		}
	}
	return c.plain.stream(ctx, req)
}

// Close ends the session once the calls on it have ended, so that the plugin can
// end in good order. It does not wait for that, and does not close the
// connection. Calls made later are RPCs of their own.
func (c *Conn) Close() { c.sessions.close() }

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
