package circuit

import "github.com/backplane-dev/backplane/host/status"

// State is the state of the circuit that gave the permit: closed, half open for
// a probe, or disabled.
func (p Permit) State() status.CircuitState {
	switch {
	case p.probe:
		return status.CircuitHalfOpen
	case p.period == 0:
		return status.CircuitDisabled
	default:
		return status.CircuitClosed
	}
}
