package simulate

import (
	"strings"
	"testing"
)

func TestAWrongWorldSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	good := `"duration": "10s", "service": {"capacity": 1, "time": "1s"}, "load": [{"rate": 1}]`
	for text, want := range map[string]string{
		`{`:                                "unexpected",
		`{"name": "x", "speed": 1}`:        `unknown field "speed"`,
		`{` + good + `}`:                   "it has no name",
		`{"name": "x", "duration": "1ms"}`: "between 1s and 24h",
		`{"name": "x", "duration": 10}`:    "duration",
		`{"name": "x", "duration": "10s"}`: `"capacity"`,
		`{"name": "x", "duration": "10s", "service": {"capacity": 1, "time": "1s"}}`:                   "nobody arrives",
		`{"name": "x", "duration": "10s", "service": {"capacity": 1, "time": "1s", "spread": "wide"}}`: "even, lognormal or exponential",
		`{"name": "x", ` + good + `, "faults": [{"kind": "fire"}]}`:                                    "error, hang or slow",
		`{"name": "x", ` + good + `, "faults": [{"kind": "slow"}]}`:                                    `"factor" above 1`,
		`{"name": "x", ` + good + `, "load": [{"from": "0s", "rate": 1}, {"from": "20s", "rate": 2}]}`: "after the world's end",
	} {
		_, err := ParseWorld([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
}

func TestThePolicyOfAWorldIsCheckedAsAnEndpointIs(t *testing.T) {
	t.Parallel()
	w, err := ParseWorld([]byte(`{"name": "x", "duration": "10s", "service": {"capacity": 1, "time": "1s"}, "load": [{"rate": 1}],
		"policy": {"timeout": "5s"}, "variants": [{"name": "a", "policy": {"queue": {"size": 3}}}, {"name": "b", "policy": {"queue": {"sise": 3}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.PolicyOf(w.Variants[0])
	if err != nil || p.Timeout.Seconds() != 5 || p.Queue.Size != 3 || p.Queue.MaxConcurrent != 5 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := w.PolicyOf(w.Variants[1]); err == nil || !strings.Contains(err.Error(), `"size"`) {
		t.Errorf("a misspelt setting: %v", err)
	}
}

func TestAMissedExpectationIsTold(t *testing.T) {
	t.Parallel()
	r := Result{Goodput: 0.5, Served: 100, RateLimited: 50, Attempts: 30, Requests: 10, Told: Spread{P95: 3e9}}
	all := Expectation{Goodput: 0.9, GoodputBelow: 0.4, Told: 1, RateLimited: 1, CallsPerRequest: 1.1}
	if missed := all.Missed(r); len(missed) != 5 {
		t.Errorf("%q", missed)
	}
	if missed := (Expectation{Goodput: 0.4, GoodputBelow: 0.6, Told: 4, RateLimited: 501, CallsPerRequest: 3}).Missed(r); len(missed) != 0 {
		t.Errorf("%q", missed)
	}
}
