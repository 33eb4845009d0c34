package host

import (
	"context"
	"slices"

	"github.com/backplane-dev/backplane/host/internal/metrics"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// core is the host as the data plane's handlers see it: the call surface with
// the report of each request.
type core struct{ *Host }

func (c core) Call(ctx context.Context, req *provider.Request) (*provider.Response, status.Report, error) {
	return c.call(ctx, req)
}

func (c core) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, status.Report, error) {
	return c.stream(ctx, req)
}

func (c core) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, status.Report, error) {
	return c.transfer(ctx, req)
}

func (c core) Operations(endpointID string) ([]provider.Operation, error) {
	e, err := c.entry(endpointID)
	if err != nil {
		return nil, err
	}
	if e.plugin.missing != nil { // nobody could be asked what it offers
		return nil, e.unavailable()
	}
	return e.manifest.Operations, nil
}

// adminCore is the host as the admin API's handlers see it: specs as JSON.
type adminCore struct{ *Host }

func (c adminCore) CreateEndpoint(ctx context.Context, spec []byte) (status.Endpoint, error) {
	return c.createEndpoint(ctx, spec)
}

func (c adminCore) UpdateEndpoint(ctx context.Context, id string, patch []byte) (status.Endpoint, error) {
	return c.updateEndpoint(ctx, id, patch)
}

func (c adminCore) TestEndpoint(ctx context.Context, id string) (status.Report, error) {
	return c.test(ctx, id)
}

func (c adminCore) Stats() []status.Stats { return c.AllStats() }

func (c adminCore) EndpointStats(id string) (status.Stats, error) { return c.Host.Stats(id) }

// metricsSource is what counters and gauges are read from.
func (h *Host) metricsSource() metrics.Source {
	return metrics.Source{Stats: h.AllStats, Explain: h.explanations, Providers: h.Providers}
}

// forwardHeaders lists the request headers that some plugin wants to see.
func forwardHeaders(plugins map[string]*running) []string {
	var names []string
	for _, p := range plugins {
		if p.missing == nil {
			names = append(names, p.Manifest().ForwardHeaders...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
