package config

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestTheDefaultPolicyHasNoMistakes(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy()
	if diags := p.check(); len(diags) != 0 {
		t.Error(diags)
	}
	var zero Policy
	if diags := zero.check(); len(diags) != 0 {
		t.Errorf("a policy of zeros, each of which stands for no bound: %v", diags)
	}
}

func TestEachCombinationThatMakesNoSenseIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Policy)
		path   string
	}{
		"adapt between crossed bounds":   {func(p *Policy) { p.Adapt.Min, p.Adapt.Max = 3, 2 }, "adapt.min"},
		"adapt of a limit that is none":  {func(p *Policy) { p.Adapt.Enabled, p.Queue.MaxConcurrent = true, 0 }, "adapt.enabled"},
		"interval shorter than target":   {func(p *Policy) { p.Queue.Target, p.Queue.Interval = 2, 1 }, "queue.target"},
		"first delay over the longest":   {func(p *Policy) { p.Retry.InitialDelay, p.Retry.MaxDelay = 2, 1 }, "retry.initial_delay"},
		"first delay as long as timeout": {func(p *Policy) { p.Retry.InitialDelay, p.Timeout = 5, 5 }, "retry.initial_delay"},
		"hedge after the timeout":        {func(p *Policy) { p.Hedge.Enabled, p.Hedge.MinDelay = true, p.Timeout }, "hedge.min_delay"},
		"hedge after the attempt":        {func(p *Policy) { p.Hedge.Enabled, p.Hedge.MinDelay, p.AttemptTimeout = true, 2, 2 }, "hedge.min_delay"},
		"a model twice": {func(p *Policy) {
			p.Limits.Models = []ModelLimits{{Name: "m", TokensPerMinute: 1}, {Name: "m", TokensPerMinute: 2}}
		}, "limits.model[1].name"},
		"a model without a rate": {func(p *Policy) { p.Limits.Models = []ModelLimits{{Name: "m"}} }, "limits.model[0]"},
	} {
		p := DefaultPolicy()
		c.change(&p)
		diags := p.check()
		if len(diags) != 1 || diags[0].Path != c.path || diags[0].Warning || diags[0].Detail == "" {
			t.Errorf("%s: got %v, want one mistake at %s", name, diags, c.path)
		}
	}
}

func TestCombinationsThatMakeSenseAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Policy){
		"equal bounds":                 func(p *Policy) { p.Adapt.Min, p.Adapt.Max, p.Adapt.Enabled = 2, 2, true },
		"no bound of the delay":        func(p *Policy) { p.Retry.InitialDelay, p.Retry.MaxDelay = time.Second, 0 },
		"no retries, long delay":       func(p *Policy) { p.Retry.Max, p.Timeout = 0, time.Second },
		"no timeout, long delay":       func(p *Policy) { p.Retry.InitialDelay, p.Timeout, p.Retry.MaxDelay = time.Hour, 0, 0 },
		"open longer than at most":     func(p *Policy) { p.Breaker.OpenFor = time.Hour }, // which then is an hour too
		"target without interval":      func(p *Policy) { p.Queue.Target = time.Hour },
		"hedge off, delay over time":   func(p *Policy) { p.Hedge.MinDelay = time.Hour },
		"hedge with one slot":          func(p *Policy) { p.Hedge.Enabled, p.Queue.MaxConcurrent = true, 1 },
		"hedge and retries and no end": func(p *Policy) { p.Hedge.Enabled, p.Timeout = true, 0 },
		"two patterns": func(p *Policy) {
			p.Limits.Models = []ModelLimits{{Name: "a*", TokensPerMinute: 1}, {Name: "*", RequestsPerMinute: 1}}
		},
	} {
		p := DefaultPolicy()
		change(&p)
		if diags := p.check(); len(diags) != 0 {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

func TestEndpointsMadeAtRunTimeAreCheckedToo(t *testing.T) {
	t.Parallel()
	p := Provider{Name: "acme", Defaults: Defaults{Policy: DefaultPolicy()}}
	wrong := func(diags []schema.Diagnostic) bool {
		return slices.ContainsFunc(diags, func(d schema.Diagnostic) bool { return d.Path == "adapt.min" && !d.Warning })
	}
	e, diags := DecodeEndpoint([]byte(`{"adapt":{"min":300}}`), p, provider.Manifest{}, nil)
	if !wrong(diags) {
		t.Errorf("created: %v", diags)
	}
	e.Policy = DefaultPolicy()
	if _, diags := PatchEndpoint([]byte(`{"adapt":{"max":0}}`), e, provider.Manifest{}); len(diags) == 0 {
		t.Error("a limit of 0 was taken")
	}
	e.Policy.Adapt.Min = 50
	if _, diags := PatchEndpoint([]byte(`{"adapt":{"max":40}}`), e, provider.Manifest{}); !wrong(diags) {
		t.Errorf("changed: %v", diags)
	}
}

// A list of models replaces the one before, and must not do so in its memory.
func TestAnEndpointsModelsDoNotChangeThoseOfTheProvider(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy()
	p.Limits.Models = []ModelLimits{{Name: "of the provider", TokensPerMinute: 1}}
	e := p
	if err := json.Unmarshal([]byte(`{"limits":{"model":[{"name":"own","tokens_per_minute":2}]}}`), &e); err != nil {
		t.Fatal(err)
	}
	if p.Limits.Models[0].Name != "of the provider" || len(e.Limits.Models) != 1 || e.Limits.Models[0].Name != "own" {
		t.Errorf("provider %v, endpoint %v", p.Limits.Models, e.Limits.Models)
	}
	if err := json.Unmarshal([]byte(`{"limits":{"model":[]}}`), &e); err != nil || e.Limits.Models != nil {
		t.Errorf("an empty list left %v, %v", e.Limits.Models, err)
	}
}
