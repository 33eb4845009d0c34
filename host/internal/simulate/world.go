package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// World describes who asks, how, and whom. As JSON it is what scripts/simulate
// reads; durations are written with their unit.
type World struct {
	Name string `json:"name"`
	// About says in a sentence or two what the world is to show.
	About    string               `json:"about"`
	Duration schema.DurationValue `json:"duration"`
	Seed     uint64               `json:"seed"`
	Service  Service              `json:"service"`
	Clients  Clients              `json:"clients"`
	// Load are the rates of arrival, each from its moment on.
	Load   []Load  `json:"load"`
	Faults []Fault `json:"faults"`
	// Policy is the endpoint's, with the names of the configuration's endpoint
	// block. Variants change it; each is run and drawn beside the others. Without
	// variants the policy is run alone.
	Policy   json.RawMessage `json:"policy"`
	Variants []Variant       `json:"variants"`
}

// Service is the simulated service.
type Service struct {
	// Capacity is the number of requests that it works on at once; further ones
	// wait in a line of its own without end.
	Capacity int `json:"capacity"`
	// Time is the mean time of service, and Spread its distribution: even (all
	// the same), lognormal (sigma 1) or exponential.
	Time   schema.DurationValue `json:"time"`
	Spread string               `json:"spread"`
	// RequestsPerMinute is its rate limit, 0 for none: a bucket of that size
	// which fills evenly. Announces tells the callers what is left.
	RequestsPerMinute int  `json:"requests_per_minute"`
	Announces         bool `json:"announces"`
}

// Clients are the callers.
type Clients struct {
	// Patience is when a client leaves. Retries is how often it comes again after
	// a failure, Pause later or when it was told to.
	Patience schema.DurationValue `json:"patience"`
	Retries  int                  `json:"retries"`
	Pause    schema.DurationValue `json:"pause"`
}

// Load is the rate of arrivals from a moment on.
type Load struct {
	From schema.DurationValue `json:"from"`
	// Rate is the mean number of clients per second, at random moments.
	Rate float64 `json:"rate"`
	// Burst adds that many at one moment, each Every.
	Burst int                  `json:"burst"`
	Every schema.DurationValue `json:"every"`
}

// Fault is a span of time in which the service does not work well.
type Fault struct {
	From schema.DurationValue `json:"from"`
	To   schema.DurationValue `json:"to"`
	// Kind is error (answers 500 at once), hang (never answers) or slow (takes
	// Factor times as long). Share of the requests meet it, 1 if not given.
	Kind   string  `json:"kind"`
	Share  float64 `json:"share"`
	Factor float64 `json:"factor"`
}

// Variant is a change of a world's policy, with the least that it must reach.
type Variant struct {
	Name   string          `json:"name"`
	Policy json.RawMessage `json:"policy"`
	Expect Expectation     `json:"expect"`
}

// ParseWorld reads a world. Its error names what is wrong and what to write.
func ParseWorld(data []byte) (World, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	w := World{Seed: 1, Clients: Clients{Patience: schema.DurationValue(10 * time.Second), Pause: schema.DurationValue(time.Second)}}
	if err := d.Decode(&w); err != nil {
		return World{}, fmt.Errorf("read the world: %w", err)
	}
	if w.Service.Spread == "" {
		w.Service.Spread = "even"
	}
	if len(w.Variants) == 0 {
		w.Variants = []Variant{{Name: w.Name}}
	}
	if err := w.check(); err != nil {
		return World{}, fmt.Errorf("world %q: %w", w.Name, err)
	}
	return w, nil
}

func (w *World) check() error {
	switch {
	case w.Name == "":
		return fmt.Errorf(`it has no name: write "name": "overload"`)
	case time.Duration(w.Duration) < time.Second || time.Duration(w.Duration) > 24*time.Hour:
		return fmt.Errorf(`"duration" must be between 1s and 24h`)
	case w.Service.Capacity < 1 || w.Service.Time <= 0:
		return fmt.Errorf(`"service" needs a "capacity" of at least 1 and a "time" such as "1s"`)
	case w.Service.Spread != "even" && w.Service.Spread != "lognormal" && w.Service.Spread != "exponential":
		return fmt.Errorf(`"service.spread" is %q; write even, lognormal or exponential`, w.Service.Spread)
	case len(w.Load) == 0:
		return fmt.Errorf(`nobody arrives: write "load": [{"from": "0s", "rate": 10}]`)
	}
	for i, l := range w.Load {
		if l.From >= w.Duration {
			return fmt.Errorf(`"load[%d]" begins after the world's end`, i)
		}
	}
	for i := range w.Faults {
		f := &w.Faults[i]
		if f.Share == 0 {
			f.Share = 1
		}
		if f.Kind != "error" && f.Kind != "hang" && f.Kind != "slow" {
			return fmt.Errorf(`"faults[%d].kind" is %q; write error, hang or slow`, i, f.Kind)
		}
		if f.Kind == "slow" && f.Factor <= 1 {
			return fmt.Errorf(`"faults[%d]" is slow and needs a "factor" above 1`, i)
		}
	}
	return nil
}

// PolicyOf is the policy of a variant, checked as an endpoint block is.
func (w World) PolicyOf(v Variant) (config.Policy, error) {
	policy := config.DefaultPolicy()
	for _, layer := range []json.RawMessage{w.Policy, v.Policy} {
		spec := map[string]json.RawMessage{}
		if len(layer) > 0 {
			if err := json.Unmarshal(layer, &spec); err != nil {
				return policy, fmt.Errorf("world %q, policy of %q: %w", w.Name, v.Name, err)
			}
		}
		spec["provider"] = json.RawMessage(`"simulated"`)
		data, err := json.Marshal(spec)
		if err != nil {
			return policy, err
		}
		parent := config.Provider{Name: "simulated", Defaults: config.Defaults{Policy: policy}}
		e, diags := config.DecodeEndpoint(data, parent, provider.Manifest{}, nil)
		if schema.HasErrors(diags) {
			return policy, fmt.Errorf("world %q, policy of %q: %w", w.Name, v.Name, &provider.ConfigError{Diagnostics: diags})
		}
		policy = e.Policy
	}
	return policy, nil
}

// rates returns the load's spans in the order of time, with their ends.
func (w World) rates() []span {
	load := slices.SortedFunc(slices.Values(w.Load), func(a, b Load) int { return int(a.From - b.From) })
	spans := make([]span, len(load))
	for i, l := range load {
		spans[i] = span{Load: l, until: time.Duration(w.Duration)}
		if i+1 < len(load) {
			spans[i].until = time.Duration(load[i+1].From)
		}
	}
	return spans
}

type span struct {
	Load
	until time.Duration
}

// codes returns the keys of a count by code, sorted.
func codes(m map[provider.Code]int) []provider.Code { return slices.Sorted(maps.Keys(m)) }
