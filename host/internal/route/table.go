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
	globs     []Rule
}

// New makes a table. Rules that name unknown endpoints keep the others.
func New(rules []Rule, endpoints []Endpoint) *Table {
	t := &Table{endpoints: make(map[string]Endpoint), exact: make(map[string]Rule)}
	for _, e := range endpoints {
		t.endpoints[e.ID] = e
		t.ids = append(t.ids, e.ID)
	}
	slices.Sort(t.ids)
	for _, r := range rules {
		if isGlob(r.Pattern) {
			t.globs = append(t.globs, r)
		} else {
			t.exact[r.Pattern] = r
		}
	}
	return t
}

// Resolve says where a request can go. endpoint is the id that the caller chose,
// or the exact name of a route, "" if none; model is the requested model, "" if
// none. The error is a [*provider.Error].
func (t *Table) Resolve(endpoint, model string) (Plan, error) {
	if endpoint != "" {
		return t.chosen(endpoint, model)
	}
	if model == "" {
		return Plan{}, &provider.Error{Code: provider.CodeInvalidRequest, Source: provider.SourceHost, Param: "model",
			Message: "name a model: a model name, a route or an endpoint id (" + strings.Join(t.ids, ", ") + ")"}
	}
	if e, ok := t.endpoints[model]; ok {
		return to(e.ID, e.model("")), nil
	}
	if r, ok := t.exact[model]; ok {
		return t.follow(r, ""), nil
	}
	rule, found, err := t.bestGlob(model)
	if err != nil {
		return Plan{}, err
	}
	if found {
		return t.follow(rule, model), nil
	}
	if byModel := t.where(func(e Endpoint) bool { return e.Model == model }); len(byModel) > 0 {
		return single(model, byModel)
	}
	if byPattern := t.where(func(e Endpoint) bool { return MatchAny(e.Patterns, model) }); len(byPattern) > 0 {
		return single(model, byPattern)
	}
	return Plan{}, Unknown("model", model, t.names())
}

// chosen is the plan of a request whose caller named an endpoint or a route.
func (t *Table) chosen(name, model string) (Plan, error) {
	if e, ok := t.endpoints[name]; ok {
		return to(e.ID, e.model(model)), nil
	}
	r, ok := t.exact[name]
	if !ok {
		return Plan{}, Unknown("endpoint", name, t.Names())
	}
	if model == name {
		model = "" // no service knows an alias
	}
	return t.follow(r, model), nil
}

// to is the plan of a request that has one place to go.
func to(endpoint, model string) Plan {
	return Plan{Targets: []Target{{Endpoint: endpoint, Model: model, Weight: 1}}}
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
	plan, err := t.chosen(name, "")
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
func (t *Table) follow(r Rule, requested string) Plan {
	targets := make([]Target, 0, len(r.Endpoints))
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

// bestGlob finds the matching rule with most literal characters.
func (t *Table) bestGlob(model string) (Rule, bool, error) {
	var best []Rule
	for _, r := range t.globs {
		if !Match(r.Pattern, model) {
			continue
		}
		if len(best) > 0 && literals(r.Pattern) < literals(best[0].Pattern) {
			continue
		}
		if len(best) > 0 && literals(r.Pattern) > literals(best[0].Pattern) {
			best = best[:0]
		}
		best = append(best, r)
	}
	switch len(best) {
	case 0:
		return Rule{}, false, nil
	case 1:
		return best[0], true, nil
	}
	patterns := make([]string, len(best))
	for i, r := range best {
		patterns[i] = fmt.Sprintf("%q", r.Pattern)
	}
	return Rule{}, false, &provider.Error{Code: provider.CodeConflict, Source: provider.SourceHost, Param: "model",
		Message: fmt.Sprintf("model %q matches the routes %s equally well; add a route for the exact name", model, strings.Join(patterns, ", "))}
}

// where lists the endpoints that the predicate holds for, in order of id.
func (t *Table) where(holds func(Endpoint) bool) []Endpoint {
	var found []Endpoint
	for _, id := range t.ids {
		if e := t.endpoints[id]; holds(e) {
			found = append(found, e)
		}
	}
	return found
}

// single accepts exactly one candidate.
func single(model string, found []Endpoint) (Plan, error) {
	if len(found) == 1 {
		return to(found[0].ID, model), nil
	}
	ids := make([]string, len(found))
	for i, e := range found {
		ids[i] = e.ID
	}
	return Plan{}, &provider.Error{Code: provider.CodeConflict, Source: provider.SourceHost, Param: "model",
		Message: fmt.Sprintf("model %q is served by the endpoints %s; name one of them as the model, or add a route %q", model, strings.Join(ids, ", "), model)}
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
