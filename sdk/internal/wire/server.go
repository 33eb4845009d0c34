package wire

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Version is the version of the SDK.
const Version = "0.1.0"

// Protocol is the major version of backplane.provider that this package speaks.
const Protocol = 1

// CapabilitySession is what the manifests of plugins that serve the RPC Session
// have among their capabilities.
const CapabilitySession = "session"

// Defaults of [provider.Limits], in bytes, and the room that a message needs
// beside its body. Chat requests with images reach some 20 MiB; batches of
// embeddings come back larger than they went in.
const (
	DefaultMaxRequest  = 32 << 20
	DefaultMaxResponse = 64 << 20
	MessageSlack       = 1 << 20
)

// Server offers a provider as a ProviderService. Safe for concurrent use.
type Server struct {
	pb.UnimplementedProviderServiceServer

	provider provider.Provider
	// describe returns the manifest, which nobody may change.
	describe func() (*provider.Manifest, error)
	guard    guard

	endpoints endpoints
	alarms    alarms
	inFlight  atomic.Int64
	draining  atomic.Bool
}

// Option changes a [Server].
type Option func(*Server)

// WithLogger sets where panics and failures outside of calls are logged. The
// default is [slog.Default].
func WithLogger(log *slog.Logger) Option { return func(s *Server) { s.guard.log = log } }

// NewServer makes a server for p. Describe is called once, at the first need.
func NewServer(p provider.Provider, opts ...Option) *Server {
	s := &Server{provider: p, guard: guard{log: slog.Default()}}
	for _, opt := range opts {
		opt(s)
	}
	s.describe = sync.OnceValues(func() (*provider.Manifest, error) {
		m := new(provider.Manifest)
		err := s.guard.run(func() error { *m = Manifest(p); return nil })
		return m, err
	})
	return s
}

// Register makes a server for p and registers it with r.
func Register(r grpc.ServiceRegistrar, p provider.Provider, opts ...Option) *Server {
	s := NewServer(p, opts...)
	s.RegisterWith(r)
	return s
}

// RegisterWith registers s with r.
func (s *Server) RegisterWith(r grpc.ServiceRegistrar) { pb.RegisterProviderServiceServer(r, s) }

// MaxMessage is the largest message, in bytes, that a gRPC server for a plugin
// with this manifest must take. What is larger than the declared limit but fits
// the message is refused with words of ours instead of gRPC's.
func MaxMessage(m provider.Manifest) int {
	return int(orDefault(m.Limits.MaxRequestBytes, DefaultMaxRequest)) + MessageSlack
}

// Manifest returns p's manifest with the fields that the SDK fills in.
func Manifest(p provider.Provider) provider.Manifest {
	m := p.Describe()
	m.SDK = "go/" + Version
	m.Protocols = []int{Protocol}
	m.Capabilities = []string{CapabilitySession}
	return m
}

// Close forgets all endpoints; those in use are closed when their last call
// ended.
func (s *Server) Close() { s.endpoints.clear() }

// Describe implements ProviderService.
func (s *Server) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	m, err := s.describe()
	if err != nil {
		return nil, s.guard.status(err)
	}
	return &pb.DescribeResponse{Manifest: ToManifest(*m)}, nil
}

// Configure implements ProviderService.
func (s *Server) Configure(ctx context.Context, in *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	m, err := s.describe()
	if err != nil {
		return nil, s.guard.status(err)
	}
	settings, diags := m.ProviderSettings.Check(in.GetSettingsJson())
	if schema.HasErrors(diags) {
		return &pb.ConfigureResponse{Diagnostics: ToDiagnostics(diags)}, nil
	}
	g := s.guard
	g.secrets = newRedactor(sensitiveValues(m.ProviderSettings, settings)...)
	if p, ok := s.provider.(provider.Configurer); ok {
		err = g.run(func() error {
			return p.Configure(ctx, provider.ProviderConfig{Settings: provider.NewSettings(settings)})
		})
	}
	diags, err = g.configError(diags, err)
	return &pb.ConfigureResponse{Diagnostics: ToDiagnostics(diags)}, g.status(err)
}

// configError moves the diagnostics of a [provider.ConfigError] from err to diags.
func (g guard) configError(diags []schema.Diagnostic, err error) ([]schema.Diagnostic, error) {
	var mistakes *provider.ConfigError
	if !errors.As(err, &mistakes) {
		return diags, err
	}
	diags = append(diags, g.secrets.diagnostics(mistakes.Diagnostics)...)
	if !schema.HasErrors(diags) { // an error with nothing but warnings is an error all the same
		diags = append(diags, schema.Diagnostic{Summary: "Settings refused", Detail: "The plugin refused the settings without saying why."})
	}
	return diags, nil
}

// OpenEndpoint implements ProviderService.
func (s *Server) OpenEndpoint(ctx context.Context, in *pb.OpenEndpointRequest) (*pb.OpenEndpointResponse, error) {
	m, err := s.describe()
	if err != nil {
		return nil, s.guard.status(err)
	}
	if in.GetEndpointId() == "" {
		return nil, s.guard.status(provider.Errorf(provider.CodeInvalidRequest, "the endpoint has no id"))
	}
	settings, diags := m.Settings.Check(in.GetSettingsJson())
	if schema.HasErrors(diags) {
		return &pb.OpenEndpointResponse{Diagnostics: ToDiagnostics(diags)}, nil
	}
	h := &handle{config: fromEndpointConfig(in, settings)}
	secrets := newRedactor(sensitiveValues(m.Settings, settings)...).with(string(in.GetCredential()))
	h.guard = guard{log: s.guard.log, secrets: secrets}
	diags, err = h.guard.configError(diags, h.open(ctx, s.provider))
	if err == nil && !schema.HasErrors(diags) {
		err = s.endpoints.put(ctx, h)
	}
	return &pb.OpenEndpointResponse{Diagnostics: ToDiagnostics(diags)}, h.guard.status(err)
}

func (h *handle) open(ctx context.Context, p provider.Provider) error {
	return h.guard.run(func() error {
		endpoint, err := p.Open(ctx, h.config)
		if err == nil && endpoint == nil {
			err = provider.Errorf(provider.CodeInternal, "the plugin's Open returned neither an endpoint nor an error")
		}
		h.endpoint = endpoint
		return err
	})
}

// CloseEndpoint implements ProviderService.
func (s *Server) CloseEndpoint(_ context.Context, in *pb.CloseEndpointRequest) (*pb.CloseEndpointResponse, error) {
	s.endpoints.remove(in.GetEndpointId())
	return &pb.CloseEndpointResponse{}, nil
}

// Health implements ProviderService.
func (s *Server) Health(context.Context, *pb.HealthRequest) (*pb.HealthResponse, error) {
	out := &pb.HealthResponse{Ready: true, InFlight: int32(s.inFlight.Load())}
	if s.draining.Load() {
		out.Ready, out.Message = false, "draining"
	}
	return out, nil
}

// Drain implements ProviderService. It answers at once; Health tells when the
// calls in flight have ended.
func (s *Server) Drain(context.Context, *pb.DrainRequest) (*pb.DrainResponse, error) {
	s.draining.Store(true)
	return &pb.DrainResponse{}, nil
}
