package endpoint

import (
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// OpenCircuit opens the endpoint's circuit by hand, for the time d or, if d is
// 0, until CloseCircuit. Requests meet it as they meet any open circuit: where
// the policy holds them they wait, unless it has no end. Attempts that are
// running finish.
func (e *Endpoint) OpenCircuit(reason string, d time.Duration) {
	e.breaker.Open(reason, d)
	if refusal := e.breaker.Refusal(); refusal != nil && d > 0 && e.settings.Load().policy.Breaker.WhenOpen == config.WhenOpenHold {
		e.queue.Hold(time.Now().Add(d), provider.AsError(refusal))
	}
}

// CloseCircuit closes the endpoint's circuit by hand, however it was opened.
// Requests that waited for its probe go on.
func (e *Endpoint) CloseCircuit(reason string) { e.breaker.Close(reason) }

// circuitChanged is told of each change of the circuit.
func (e *Endpoint) circuitChanged(t status.Transition, tell func(status.Transition)) {
	if t.To == status.CircuitClosed {
		e.queue.Unhold(provider.CodeCircuitOpen)
	}
	if tell != nil {
		tell(t)
	}
}
