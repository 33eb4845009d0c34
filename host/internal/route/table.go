// Package route finds the endpoints that serve a model name.
//
// A name is looked up in this order, and the first that knows it decides:
//
//  1. an endpoint's id, given by the caller or written as the model; the caller
//     may give the exact name of a route block in its place;
//  2. a route block: an exact name before a pattern, among patterns the one
//     with most literal characters;
//  3. endpoints that are configured with exactly this model;
//  4. endpoints whose provider's own patterns match it.
//
// Where a step finds more than one answer, the result is an error that names the
// candidates: the order of declaration never decides.
package route

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/host/internal/balance"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Endpoint is what the table knows of an endpoint.
type Endpoint struct {
	ID string
	// Model is the endpoint's model, "" if it has none.
	Model string
	// Patterns are the provider's model patterns.
	Patterns []string
}

// Rule is a route block.
type Rule struct {
	// Pattern is an exact name or a glob with * and ?.
	Pattern string
	// Endpoints in the order in which they are tried.
	Endpoints []string
	// Model replaces the requested name; "" keeps it.
	Model string
	// Balance says which of the endpoints is tried first, Weights by which shares;
	// an endpoint that is not in them has the weight 1.
	Balance balance.Rule
	Weights map[string]int
}

// Plan is where a request can go.
type Plan struct {
	// Targets in the order of the configuration. There is one but for route
	// blocks, whose endpoints can all be gone.
	Targets []Target
	// Balance says which of them is tried first.
	Balance balance.Rule
}

// Target is one endpoint to try.
type Target struct {
	Endpoint string
	// Model to ask it for; "" leaves the model to the endpoint.
	Model  string
	Weight int
}

// Table is an immutable set of rules and endpoints, safe for concurrent use.
type Table struct {
	endpoints map[string]Endpoint
	ids       []string // sorted
	exact     map[string]Rule
	globs     []glob
	// byModel holds the ids of the endpoints that are configured with a model, and
	// patterns the ids whose providers have patterns, which are in lower case.
	byModel  map[string][]string
	patterns []patterned
}

// glob is a rule for many names, and its pattern in lower case.
type glob struct {
	Rule
	lower string
}

// patterned is an endpoint whose provider has patterns.
type patterned struct {
	id       string
	patterns []string
}

// New makes a table. Rules that name unknown endpoints keep the others.
func New(rules []Rule, endpoints []Endpoint) *Table {
	t := &Table{endpoints: make(map[string]Endpoint), exact: make(map[string]Rule), byModel: make(map[string][]string)}
	for _, e := range endpoints {
		t.endpoints[e.ID] = e
		t.ids = append(t.ids, e.ID)
	}
	slices.Sort(t.ids)
	for _, id := range t.ids {
		e := t.endpoints[id]
		t.byModel[e.Model] = append(t.byModel[e.Model], id)
		if len(e.Patterns) > 0 {
			t.patterns = append(t.patterns, patterned{id, lowered(e.Patterns)})
		}
	}
	for _, r := range rules {
		if isGlob(r.Pattern) {
			t.globs = append(t.globs, glob{r, strings.ToLower(r.Pattern)})
		} else {
			t.exact[r.Pattern] = r
		}
	}
	return t
}

// Resolve says where a request can go. endpoint is the id that the caller chose,
// or the exact name of a route, "" if none; model is the requested model, "" if
// none. room is memory for the plan's targets; what is more than it is allocated.
// The error is a [*provider.Error].
func (t *Table) Resolve(endpoint, model string, room []Target) (Plan, error) {
	room = room[:0]
	if endpoint != "" {
		return t.chosen(endpoint, model, room)
	}
	if model == "" {
		return Plan{}, &provider.Error{Code: provider.CodeInvalidRequest, Source: provider.SourceHost, Param: "model",
			Message: "name a model: a model name, a route or an endpoint id (" + strings.Join(t.ids, ", ") + ")"}
	}
	if e, ok := t.endpoints[model]; ok {
		return to(e.ID, e.model(""), room), nil
	}
	if r, ok := t.exact[model]; ok {
		return t.follow(&r, "", room), nil
	}
	lower := strings.ToLower(model)
	rule, err := t.bestGlob(model, lower)
	if err != nil {
		return Plan{}, err
	}
	if rule != nil {
		return t.follow(rule, model, room), nil
	}
	if ids := t.byModel[model]; len(ids) > 0 {
		return single(model, ids, room)
	}
	var found []string
	for i := range t.patterns {
		if p := &t.patterns[i]; matchAny(p.patterns, lower) {
			found = append(found, p.id)
		}
	}
	if len(found) > 0 {
		return single(model, found, room)
	}
	return Plan{}, Unknown("model", model, t.names())
}

// chosen is the plan of a request whose caller named an endpoint or a route.
func (t *Table) chosen(name, model string, room []Target) (Plan, error) {
	if e, ok := t.endpoints[name]; ok {
		return to(e.ID, e.model(model), room), nil
	}
	r, ok := t.exact[name]
	if !ok {
		return Plan{}, Unknown("endpoint", name, t.Names())
	}
	if model == name {
		model = "" // no service knows an alias
	}
	return t.follow(&r, model, room), nil
}

// to is the plan of a request that has one place to go.
func to(endpoint, model string, room []Target) Plan {
	return Plan{Targets: append(room, Target{Endpoint: endpoint, Model: model, Weight: 1})}
}

// Endpoints returns the ids of all endpoints, sorted.
func (t *Table) Endpoints() []string { return t.ids }

// Names returns what can stand in an endpoint's place: the ids of all endpoints
// and the exact names of routes, sorted.
func (t *Table) Names() []string {
	names := slices.AppendSeq(slices.Clone(t.ids), maps.Keys(t.exact))
	slices.Sort(names)
	return slices.Compact(names)
}

// Members returns the endpoints to which a name leads that stands in an
// endpoint's place, in the order of the configuration.
func (t *Table) Members(name string) ([]string, error) {
	plan, err := t.chosen(name, "", nil)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(plan.Targets))
	for i, target := range plan.Targets {
		ids[i] = target.Endpoint
	}
	return ids, nil
}

// model is the name to ask the endpoint for when the caller asked for requested.
func (e Endpoint) model(requested string) string {
	if requested != "" && requested != e.ID {
		return requested
	}
	return e.Model
}

// follow lists a rule's endpoints. requested is "" where the name asked for is
// an alias, which no service knows.
func (t *Table) follow(r *Rule, requested string, room []Target) Plan {
	targets := slices.Grow(room, len(r.Endpoints))
	for _, id := range r.Endpoints {
		e, ok := t.endpoints[id]
		if !ok {
			continue
		}
		model := r.Model
		if model == "" {
			model = e.model(requested)
		}
		weight, weighed := r.Weights[id]
		if !weighed {
			weight = 1
		}
		targets = append(targets, Target{Endpoint: e.ID, Model: model, Weight: weight})
	}
	return Plan{Targets: targets, Balance: r.Balance}
}

// bestGlob finds the matching rule with most literal characters, nil if none
// matches. lower is the model in lower case.
func (t *Table) bestGlob(model, lower string) (*Rule, error) {
	var best *Rule
	equal := 0 // how many rules are as good as the best
	for i := range t.globs {
		r := &t.globs[i].Rule
		if !match(t.globs[i].lower, lower) {
			continue
		}
		switch {
		case best == nil || literals(r.Pattern) > literals(best.Pattern):
			best, equal = r, 1
		case literals(r.Pattern) == literals(best.Pattern):
			equal++
		}
	}
	if equal < 2 {
		return best, nil
	}
	var patterns []string
	for _, r := range t.globs {
		if match(r.lower, lower) && literals(r.Pattern) == literals(best.Pattern) {
			patterns = append(patterns, fmt.Sprintf("%q", r.Pattern))
		}
	}
	return nil, &provider.Error{Code: provider.CodeConflict, Source: provider.SourceHost, Param: "model",
		Message: fmt.Sprintf("model %q matches the routes %s equally well; add a route for the exact name", model, strings.Join(patterns, ", "))}
}

// single accepts exactly one candidate.
func single(model string, found []string, room []Target) (Plan, error) {
	if len(found) == 1 {
		return to(found[0], model, room), nil
	}
	return Plan{}, &provider.Error{Code: provider.CodeConflict, Source: provider.SourceHost, Param: "model",
		Message: fmt.Sprintf("model %q is served by the endpoints %s; name one of them as the model, or add a route %q", model, strings.Join(found, ", "), model)}
}

// names lists what a caller could have meant: ids, exact routes, configured
// models and patterns without wildcards.
func (t *Table) names() []string {
	names := t.Names()
	for _, id := range t.ids {
		e := t.endpoints[id]
		if e.Model != "" {
			names = append(names, e.Model)
		}
		for _, p := range e.Patterns {
			if !isGlob(p) {
				names = append(names, p)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Unknown is the error for a name of something ("model", "endpoint") that is not
// among the known ones. It suggests the nearest, else lists them.
func Unknown(what, name string, known []string) *provider.Error {
	e := &provider.Error{Code: provider.CodeNotFound, Source: provider.SourceHost, Param: what,
		Message: fmt.Sprintf("%s %q is not known", what, name)}
	if what == "model" {
		e.UpstreamCode = "model_not_found"
	}
	if near := schema.Nearest(name, known); near != "" {
		e.Message += fmt.Sprintf("; did you mean %q?", near)
	} else if len(known) > 0 {
		e.Message += "; known are " + strings.Join(known, ", ")
	}
	return e
}
