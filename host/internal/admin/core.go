package admin

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Core is the host behind the handlers. All methods are safe for concurrent
// use; errors are [*provider.Error] values, around a [*provider.ConfigError]
// where settings are wrong.
type Core interface {
	Endpoints() []status.Endpoint
	Endpoint(id string) (status.Endpoint, error)
	// CreateEndpoint makes an endpoint of a JSON object with the names of the
	// configuration's endpoint block.
	CreateEndpoint(ctx context.Context, spec []byte) (status.Endpoint, error)
	// UpdateEndpoint changes what the patch, such an object, names.
	UpdateEndpoint(ctx context.Context, id string, patch []byte) (status.Endpoint, error)
	DeleteEndpoint(ctx context.Context, id string) error
	// TestEndpoint asks the service whether it answers and accepts the key.
	TestEndpoint(ctx context.Context, id string) (status.Report, error)

	// Explain says what an endpoint's policies would do with a request now.
	Explain(id string) (status.Explanation, error)
	// OpenCircuit opens an endpoint's circuit by hand, for a time or, if d is 0,
	// until CloseCircuit; the reason goes into the history.
	OpenCircuit(id, reason string, d time.Duration) error
	CloseCircuit(id, reason string) error

	Stats() []status.Stats
	EndpointStats(id string) (status.Stats, error)
	ResetStats(id string) error
	// Recent returns the latest requests that the filter chooses, newest first.
	Recent(filter status.RequestFilter) []status.Request

	Providers() []status.Provider
	// Provider returns one provider with its latest log lines.
	Provider(name string) (status.Provider, error)
	// SwapProvider replaces a provider's process by one of the binary as it is now,
	// RollbackProvider by one of what it ran before, RestartProvider by one of the
	// same. An error means that nothing was changed.
	SwapProvider(ctx context.Context, name string) (status.Swap, error)
	RollbackProvider(ctx context.Context, name string) (status.Swap, error)
	RestartProvider(ctx context.Context, name string) (status.Swap, error)
	// Plan says what a configuration file would change, the host's own if file is "".
	Plan(ctx context.Context, file string) (status.Plan, error)
	// Reload reads the host's configuration anew and applies it.
	Reload(ctx context.Context) (status.Plan, error)
	Models(ctx context.Context) ([]provider.Model, error)
}

// Options adjust a handler. The zero value gives the defaults.
type Options struct {
	// Log takes panics of handlers. Default: nowhere.
	Log hclog.Logger
}
