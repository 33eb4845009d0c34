package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestThePolicyIsWrittenWithTheNamesOfTheFile(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(DefaultPolicy())
	want := `{"timeout":"1m","attempt_timeout":"0s","first_token_timeout":"0s","idle_timeout":"0s","connect_timeout":"10s",` +
		`"queue":{"enabled":true,"size":100,"max_concurrent":5,"max_bytes":"64MiB","overload":"codel","target":"0s","interval":"0s"},` +
		`"limits":{"requests_per_minute":0,"tokens_per_minute":0,"from_headers":true,"share":1,"quota_cooldown":"1m","model":[]},` +
		`"retry":{"max":3,"initial_delay":"1s","factor":2,"max_delay":"1m","jitter":0.25,"retry_after_max":"2m","budget":0.1},` +
		`"breaker":{"enabled":true,"window":"1m","error_rate":0.5,"min_requests":10,"open_for":"5s","max_open":"1m","probes":1,"consecutive_failures":0,"when_open":"reject"},` +
		`"adapt":{"enabled":false,"min":1,"max":200,"tolerance":2},` +
		`"hedge":{"enabled":false,"quantile":0.95,"min_delay":"50ms","budget":0.05},` +
		`"stats":{"recent":true}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestAPolicyReadsBackWhatItWrote(t *testing.T) {
	t.Parallel()
	p := Policy{
		Timeout: 1, AttemptTimeout: 2 * time.Second, FirstTokenTimeout: 3 * time.Minute, IdleTimeout: 4 * time.Hour, ConnectTimeout: 5 * time.Second,
		Queue:   Queue{Size: 1, MaxConcurrent: 2, MaxBytes: 3, Overload: "o", Target: 4, Interval: 5},
		Limits:  Limits{RequestsPerMinute: 1, TokensPerMinute: 2, Models: []ModelLimits{{Name: "m", RequestsPerMinute: 3, TokensPerMinute: 4}}, Share: 0.5, QuotaCooldown: 6},
		Retry:   Retry{Max: 1, InitialDelay: 2, Factor: 3.5, MaxDelay: 4, Jitter: 0.5, RetryAfterMax: 6, Budget: 0.7},
		Breaker: Breaker{Window: 1, ErrorRate: 0.2, MinRequests: 3, OpenFor: 4, MaxOpen: 5, Probes: 6, ConsecutiveFailures: 7, WhenOpen: "w"},
		Adapt:   Adapt{Enabled: true, Min: 1, Max: 2, Tolerance: 3.5},
		Hedge:   Hedge{Enabled: true, Quantile: 0.5, MinDelay: 7, Budget: 0.25},
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	read := DefaultPolicy()
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, p) {
		t.Errorf("%s read as %+v, %v", text, read, err)
	}
}

func TestDecodingAPolicyChangesOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	p, want := DefaultPolicy(), DefaultPolicy()
	want.Retry.Max, want.Queue.Size = 0, 0
	if err := json.Unmarshal([]byte(`{"retry":{"max":0,"factor":null},"queue":{"size":0},"breaker":null}`), &p); err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v, %v", p, err)
	}
	if err := json.Unmarshal([]byte(`{"timeout":"5s","retry":{"max":"x"}}`), &p); err == nil || !reflect.DeepEqual(p, want) {
		t.Errorf("a mistake changed the policy to %+v, %v", p, err)
	}
}

// TestSchemasAndPolicyNameTheSameSettings keeps schema, defaults and JSON form
// of the policy together: what the schema fills in is the default policy.
func TestSchemasAndPolicyNameTheSameSettings(t *testing.T) {
	t.Parallel()
	raw, diags := policyBlock().Check([]byte(`{"queue":{},"limits":{"model":[]},"retry":{},"breaker":{},"adapt":{},"hedge":{},"stats":{}}`))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	var p Policy
	if err := json.Unmarshal(raw, &p); err != nil || !reflect.DeepEqual(p, DefaultPolicy()) {
		t.Errorf("the schema's defaults are %+v, %v", p, err)
	}
	filled, names := map[string]any{}, map[string]any{}
	text, err := json.Marshal(Policy{})
	if err != nil || json.Unmarshal(raw, &filled) != nil || json.Unmarshal(text, &names) != nil {
		t.Fatal("cannot compare", err)
	}
	if got, want := keys(filled), keys(names); got != want {
		t.Errorf("the schema has\n%s, the policy\n%s", got, want)
	}
}

// keys lists the names in a JSON object, sorted, with those in objects within it.
func keys(m map[string]any) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		b.WriteString(name + " ")
		if nested, ok := m[name].(map[string]any); ok {
			fmt.Fprintf(&b, "{ %s} ", keys(nested))
		}
	}
	return b.String()
}

func TestTheHostsOwnSchemasAreSane(t *testing.T) {
	t.Parallel()
	for name, k := range kinds {
		if err := k.schema().Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, a := range k.schema().Attributes {
			if a.Description == "" {
				t.Errorf("%s.%s has no description", name, a.Name)
			}
		}
	}
}
