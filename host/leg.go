package host

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/balance"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// leg is an endpoint to which a request can go. It is what [balance] chooses
// from.
type leg struct {
	*entry
	model  string // "" leaves the choice to the endpoint
	weight int
}

// ID implements [balance.Candidate].
func (l leg) ID() string { return l.config.ID }

// Weight implements [balance.Candidate].
func (l leg) Weight() int { return l.weight }

// Available implements [balance.Candidate].
func (l leg) Available() bool { return l.unavailable() == nil && l.endpoint.Available() }

// InFlight implements [balance.Candidate].
func (l leg) InFlight() int { return l.endpoint.InFlight() }

// Latency implements [balance.Candidate].
func (l leg) Latency() time.Duration { return l.endpoint.Latency() }

// request makes *routed the request for this leg's endpoint.
func (l leg) request(routed, req *provider.Request) *provider.Request {
	*routed = *req
	routed.Endpoint, routed.Model = l.config.ID, l.model
	if routed.Model == "" {
		routed.Model = l.manifest.DefaultModel(req.Operation)
	}
	routed.Header = forwarded(req.Header, l.manifest.ForwardHeaders)
	return routed
}

// forwarded keeps the headers that the plugin asked for.
func forwarded(headers map[string]string, names []string) map[string]string {
	if len(headers) == 0 {
		return nil
	}
	kept := make(map[string]string, len(names))
	for _, name := range names {
		if value, ok := headers[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// room is the memory of a short list of legs.
type room struct {
	targets [2]route.Target
	legs    [2]leg
}

// legs lists where the request can go, in the order in which to try.
func (s *state) legs(ctx context.Context, req *provider.Request, room *room) ([]leg, error) {
	plan, err := s.table.Resolve(req.Endpoint, req.Model, room.targets[:])
	if err != nil {
		return nil, err
	}
	legs := room.legs[:0]
	for _, t := range plan.Targets {
		if e, ok := s.endpoints[t.Endpoint]; ok {
			legs = append(legs, leg{entry: e, model: t.Model, weight: t.Weight})
		}
	}
	if len(legs) == 0 {
		return nil, &provider.Error{Code: provider.CodeNotFound, Source: provider.SourceHost, Param: "model",
			Message: "the route has no endpoint left"}
	}
	if len(legs) > 1 && plan.Balance != (balance.Rule{}) {
		balance.Order(plan.Balance, caller.From(ctx).HeaderValue(plan.Balance.Sticky), legs)
	}
	return legs, nil
}

// rules are the routes of a configuration.
func rules(routes []config.Route) ([]route.Rule, error) {
	rules := make([]route.Rule, 0, len(routes))
	for _, r := range routes {
		kind, err := balance.ParseKind(r.Balance)
		if err != nil {
			return nil, fmt.Errorf("route %q: %w", r.Pattern, err)
		}
		rules = append(rules, route.Rule{
			Pattern: r.Pattern, Endpoints: r.Endpoints, Model: r.Model,
			Balance: balance.Rule{Kind: kind, Sticky: r.Sticky}, Weights: r.Weights,
		})
	}
	return rules, nil
}

// sticky reports whether a route looks at its callers' headers.
func (h *Host) sticky() bool {
	return slices.ContainsFunc(h.state.Load().rules, func(r route.Rule) bool { return r.Balance.Sticky != "" })
}
