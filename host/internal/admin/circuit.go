package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// circuitChange describes what a circuit is to become.
var circuitChange = schema.Object{Attributes: []schema.Attribute{
	{Name: "state", Type: schema.String, Required: true, OneOf: []string{string(status.CircuitOpen), string(status.CircuitClosed)}},
	{Name: "for", Type: schema.Duration, Min: schema.Bound(1), Max: schema.Bound(7 * 24 * 60 * 60)},
	{Name: "reason", Type: schema.String, Pattern: `.{0,200}`},
}}

// setCircuit opens or closes an endpoint's circuit and answers with what it is
// then.
func (x *exchange) setCircuit() error {
	body, err := x.readObject()
	if err != nil {
		return err
	}
	change, err := readCircuitChange(body)
	if err != nil {
		return err
	}
	id := x.args[0]
	if change.State == status.CircuitOpen {
		err = x.core.OpenCircuit(id, change.Reason, time.Duration(change.For))
	} else {
		err = x.core.CloseCircuit(id, change.Reason)
	}
	if err != nil {
		return err
	}
	s, err := x.core.EndpointStats(id)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, s.Circuit)
}

type circuitState struct {
	State  status.CircuitState  `json:"state"`
	For    schema.DurationValue `json:"for"`
	Reason string               `json:"reason"`
}

func readCircuitChange(body []byte) (circuitState, error) {
	var change circuitState
	checked, diags := circuitChange.Check(body)
	if schema.HasErrors(diags) {
		p := asProblem(&provider.ConfigError{Diagnostics: diags})
		p.message = "the circuit's state has " + mistakes(diags)
		return change, p
	}
	if err := json.Unmarshal(checked, &change); err != nil {
		return change, fmt.Errorf("decode the circuit's state: %w", err)
	}
	if change.State == status.CircuitClosed && change.For > 0 {
		p := invalid(`"for" goes with "open": a circuit that is closed stays so until the service fails`)
		p.param = "for"
		return change, p
	}
	return change, nil
}
