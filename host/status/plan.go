package status

// Plan is what a configuration would change in a running host, or has changed.
type Plan struct {
	// File is the configuration.
	File string `json:"file"`
	// Steps in the order of providers, endpoints, routes and server settings. What
	// stays as it is is among them.
	Steps []Step `json:"steps"`
	// Warnings are those of the configuration.
	Warnings []string `json:"warnings,omitempty"`
}

// StepKind is what a step is about.
type StepKind string

// The kinds of steps.
const (
	StepProvider StepKind = "provider"
	StepEndpoint StepKind = "endpoint"
	StepRoute    StepKind = "route"
	StepServer   StepKind = "server" // a setting of the block server or log
)

// Action is what a step does.
type Action string

// The actions of steps.
const (
	ActionKeep    Action = "keep"
	ActionCreate  Action = "create" // an endpoint or a route
	ActionChange  Action = "change" // without a new process
	ActionDelete  Action = "delete" // an endpoint or a route
	ActionReplace Action = "replace"
	ActionStart   Action = "start"   // a provider
	ActionSwap    Action = "swap"    // a provider's process, by another
	ActionStop    Action = "stop"    // a provider
	ActionRestart Action = "restart" // of the host: nothing else can change this
)

// Step is one part of a plan.
type Step struct {
	Kind   StepKind `json:"kind"`
	Name   string   `json:"name"`
	Action Action   `json:"action"`
	// Differences say what another value is given to.
	Differences []Difference `json:"differences,omitempty"`
	// Note tells what is worth knowing.
	Note string `json:"note,omitempty"`
	// Problem says why the step cannot be made, or, once it was tried, why it was
	// not. The rest of the plan does not depend on it.
	Problem string `json:"problem,omitempty"`
}

// Difference is one setting with another value. Values are as JSON, "" where
// there is none, and [Hidden] if they are sensitive.
type Difference struct {
	Setting string `json:"setting"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
}

// Hidden stands for a sensitive value.
const Hidden = "(sensitive)"

// Changes counts the steps that change something.
func (p Plan) Changes() int {
	n := 0
	for _, s := range p.Steps {
		if s.Action != ActionKeep {
			n++
		}
	}
	return n
}

// Problems counts the steps that cannot be made, or were not.
func (p Plan) Problems() int {
	n := 0
	for _, s := range p.Steps {
		if s.Problem != "" {
			n++
		}
	}
	return n
}
