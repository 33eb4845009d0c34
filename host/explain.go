package host

import (
	"maps"
	"slices"

	"github.com/backplane-dev/backplane/host/status"
)

// Explain says what an endpoint's policies would do with a request that arrived
// now, and by which numbers.
func (h *Host) Explain(endpointID string) (status.Explanation, error) {
	e, err := h.entry(endpointID)
	if err != nil {
		return status.Explanation{}, err
	}
	x := e.endpoint.Explain()
	x.Hedge = e.hedge.Explain()
	return x, nil
}

// explanations are those of all endpoints, by id.
func (h *Host) explanations() []status.Explanation {
	endpoints := h.state.Load().endpoints
	all := make([]status.Explanation, 0, len(endpoints))
	for _, id := range slices.Sorted(maps.Keys(endpoints)) {
		all = append(all, endpoints[id].endpoint.Explain())
	}
	return all
}
