package host

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-dev/backplane/host/internal/api"
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

// Operations lists what an endpoint offers, or what the endpoints of a route do
// between them: one that lacks an operation refuses it, and the next is tried.
func (c core) Operations(name string) ([]provider.Operation, error) {
	s := c.state.Load()
	ids, err := s.table.Members(name)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, &provider.Error{Code: provider.CodeNotFound, Source: provider.SourceHost, Param: "endpoint",
			Message: fmt.Sprintf("the route %q has no endpoint left", name)}
	}
	var offered [][]provider.Operation
	for _, id := range ids {
		e := s.endpoints[id]
		if e.plugin.missing != nil { // nobody could be asked what it offers
			err = e.unavailable()
			continue
		}
		offered = append(offered, e.manifest.Operations)
	}
	switch len(offered) {
	case 0:
		return nil, err
	case 1:
		return offered[0], nil
	default:
		return offeredBy(offered), nil
	}
}

// offeredBy is what several endpoints offer: each operation once, with the modes
// that any of them has.
func offeredBy(offered [][]provider.Operation) []provider.Operation {
	var all []provider.Operation
	for _, op := range slices.Concat(offered...) {
		i := slices.IndexFunc(all, func(known provider.Operation) bool { return known.Name == op.Name })
		if i < 0 {
			op.Modes = slices.Clone(op.Modes)
			all = append(all, op)
			continue
		}
		for _, mode := range op.Modes {
			if !all[i].Has(mode) {
				all[i].Modes = append(all[i].Modes, mode)
			}
		}
	}
	return all
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
	return metrics.Source{Stats: h.AllStats, Explain: h.explanations, Providers: h.Providers, Bodies: h.bodies.Status}
}

// forwardHeaders lists the request headers that some plugin wants to see.
func forwardHeaders(plugins map[string]*running) []api.ForwardHeader {
	var names []string
	for _, p := range plugins {
		if p.missing == nil {
			names = append(names, p.Manifest().ForwardHeaders...)
		}
	}
	slices.Sort(names)
	return api.ForwardHeaders(slices.Compact(names))
}
