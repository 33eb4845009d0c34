package host

import "github.com/backplane-dev/backplane/host/status"

// Explain says what an endpoint's policies would do with a request that arrived
// now, and by which numbers.
func (h *Host) Explain(endpointID string) (status.Explanation, error) {
	e, err := h.entry(endpointID)
	if err != nil {
		return status.Explanation{}, err
	}
	return e.endpoint.Explain(), nil
}
