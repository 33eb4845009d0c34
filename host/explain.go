package host

import (
	"maps"
	"slices"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// Explain says what an endpoint's policies would do with a request that arrived
// now, and by which numbers.
func (h *Host) Explain(endpointID string) (status.Explanation, error) {
	e, err := h.entry(endpointID)
	if err != nil {
		return status.Explanation{}, err
	}
	return e.explain(), nil
}

func (e *entry) explain() status.Explanation {
	x := e.endpoint.Explain()
	x.Hedge = e.hedge.Explain()
	return x
}

// explanations are those of all endpoints, by id.
func (h *Host) explanations() []status.Explanation {
	endpoints := h.state.Load().endpoints
	all := make([]status.Explanation, 0, len(endpoints))
	for _, id := range slices.Sorted(maps.Keys(endpoints)) {
		all = append(all, endpoints[id].explain())
	}
	return all
}

// OpenCircuit opens an endpoint's circuit breaker by hand, for the time d or, if
// d is 0, until [Host.CloseCircuit]: its requests are refused, and routes go on
// to their next endpoint. After the time d a probe decides. The reason is for
// the circuit's history and for those who are refused.
func (h *Host) OpenCircuit(endpointID, reason string, d time.Duration) error {
	e, err := h.entry(endpointID)
	if err != nil {
		return err
	}
	e.endpoint.OpenCircuit(reason, d)
	return nil
}

// CloseCircuit closes an endpoint's circuit breaker by hand, however it was
// opened. What it counted begins anew.
func (h *Host) CloseCircuit(endpointID, reason string) error {
	e, err := h.entry(endpointID)
	if err != nil {
		return err
	}
	e.endpoint.CloseCircuit(reason)
	return nil
}
