package host

import (
	"context"
	"testing"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/balance"
	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/internal/route"
)

// BenchmarkRoutes shows what finding and balancing costs, with the endpoint's
// chain and without, around a service that answers at once.
func BenchmarkRoutes(b *testing.B) {
	quick := func(p *config.Policy) { p.Stats.Recent = false }
	hedged := func(p *config.Policy) { quick(p); hedging(p) }
	for _, bench := range []struct {
		name   string
		rule   route.Rule
		policy func(*config.Policy)
	}{
		{"ordered", ordered(), quick},
		{"weighted", balanced(balance.Weighted), quick},
		{"least in flight", balanced(balance.LeastInFlight), quick},
		{"latency", balanced(balance.Latency), quick},
		{"hedged", ordered(), hedged},
	} {
		b.Run(bench.name, func(b *testing.B) {
			h := world(bench.rule, part{id: "a", service: instant(), policy: bench.policy}, part{id: "b", service: instant(), policy: bench.policy})
			ctx, req := b.Context(), chatRequest()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Call(ctx, req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("endpoint alone", func(b *testing.B) {
		h := world(ordered(), part{id: "a", service: instant(), policy: quick})
		ep, req := h.ep("a"), chatRequest()
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := ep.Call(context.Background(), req, endpoint.How{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// instant is a service that answers at once.
func instant() *service { return always(reply{}) }
