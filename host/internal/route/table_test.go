package route

import (
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/balance"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func table() *Table {
	return New(
		[]Rule{
			{Pattern: "assistant", Endpoints: []string{"fast", "spare"}},
			{Pattern: "gpt-*", Endpoints: []string{"fast"}},
			{Pattern: "gpt-4*", Endpoints: []string{"spare"}},
			{Pattern: "pinned-*", Endpoints: []string{"fast"}, Model: "gpt-4o-2024-11-20"},
			{Pattern: "spread", Endpoints: []string{"fast", "gone", "spare", "local"}, Weights: map[string]int{"fast": 3, "spare": 0},
				Balance: balance.Rule{Kind: balance.Weighted, Sticky: "x-session"}},
			{Pattern: "tie-?-*", Endpoints: []string{"fast"}},
			{Pattern: "tie-*-?", Endpoints: []string{"spare"}},
		},
		[]Endpoint{
			{ID: "fast", Model: "gpt-4o-mini", Patterns: []string{"gpt-*", "o3*"}},
			{ID: "spare", Patterns: []string{"gpt-*", "o3*"}},
			{ID: "local", Model: "llama-3.1-8b", Patterns: []string{"Llama-*"}},
		})
}

func TestResolveFollowsTheDocumentedOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, endpoint, model string
		want                  []Target
	}{
		{"an explicit endpoint keeps the requested model", "spare", "gpt-4.1", []Target{{"spare", "gpt-4.1", 1}}},
		{"an explicit endpoint without a model uses its own", "fast", "", []Target{{"fast", "gpt-4o-mini", 1}}},
		{"an endpoint without a model is left the choice", "spare", "", []Target{{"spare", "", 1}}},
		{"the model can name an endpoint", "", "fast", []Target{{"fast", "gpt-4o-mini", 1}}},
		{"an explicit endpoint named as the model too uses its own", "fast", "fast", []Target{{"fast", "gpt-4o-mini", 1}}},
		{"a route can stand in an endpoint's place", "assistant", "", []Target{{"fast", "gpt-4o-mini", 1}, {"spare", "", 1}}},
		{"a route in an endpoint's place keeps the requested model", "assistant", "gpt-4.1", []Target{{"fast", "gpt-4.1", 1}, {"spare", "gpt-4.1", 1}}},
		{"a route named as the model too is no model", "assistant", "assistant", []Target{{"fast", "gpt-4o-mini", 1}, {"spare", "", 1}}},
		{"an alias asks each endpoint for its own model", "", "assistant", []Target{{"fast", "gpt-4o-mini", 1}, {"spare", "", 1}}},
		{"a pattern keeps the requested model", "", "gpt-3.5-turbo", []Target{{"fast", "gpt-3.5-turbo", 1}}},
		{"the pattern with most literal characters wins", "", "gpt-4o", []Target{{"spare", "gpt-4o", 1}}},
		{"a route's model replaces the name", "", "pinned-x", []Target{{"fast", "gpt-4o-2024-11-20", 1}}},
		{"an endpoint's configured model comes before patterns", "", "llama-3.1-8b", []Target{{"local", "llama-3.1-8b", 1}}},
		{"plugins' patterns come last and ignore case", "", "LLAMA-70b", []Target{{"local", "LLAMA-70b", 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := table().Resolve(tt.endpoint, tt.model, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Targets, tt.want) || got.Balance != (balance.Rule{}) {
				t.Errorf("got %v, want %v in this order", got, tt.want)
			}
		})
	}
}

func TestARouteSaysHowItsRequestsAreSpread(t *testing.T) {
	t.Parallel()
	got, err := table().Resolve("", "spread", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Target{{"fast", "gpt-4o-mini", 3}, {"spare", "", 0}, {"local", "llama-3.1-8b", 1}}
	if !slices.Equal(got.Targets, want) || got.Balance != (balance.Rule{Kind: balance.Weighted, Sticky: "x-session"}) {
		t.Errorf("got %v, want %v by weight", got, want)
	}
}

func TestResolveExplainsWhatItCannotDecide(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, endpoint, model string
		code                  provider.Code
		text                  string
	}{
		{"two endpoints match by pattern", "", "o3-mini", provider.CodeConflict, `model "o3-mini" is served by the endpoints fast, spare; name one of them as the model, or add a route "o3-mini"`},
		{"two routes match equally well", "", "tie-a-b", provider.CodeConflict, `model "tie-a-b" matches the routes "tie-?-*", "tie-*-?" equally well; add a route for the exact name`},
		{"unknown model with a near name", "", "asistant", provider.CodeNotFound, `model "asistant" is not known; did you mean "assistant"?`},
		{"unknown model with no near name", "", "zzzzzz", provider.CodeNotFound, `model "zzzzzz" is not known; known are assistant, fast, gpt-4o-mini, llama-3.1-8b, local, spare, spread`},
		{"unknown endpoint", "fasst", "", provider.CodeNotFound, `endpoint "fasst" is not known; did you mean "fast"?`},
		{"nothing named", "", "", provider.CodeInvalidRequest, "name a model: a model name, a route or an endpoint id (fast, local, spare)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := table().Resolve(tt.endpoint, tt.model, nil)
			e := provider.AsError(err)
			if e == nil || e.Code != tt.code || e.Message != tt.text {
				t.Errorf("got %v, want %s: %s", err, tt.code, tt.text)
			}
		})
	}
}

func TestMatchTakesTheWholeNameWithoutRegardToCase(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"gpt-*", "gpt-4o", true}, {"gpt-*", "GPT-4o", true}, {"gpt-*", "my-gpt-4o", false},
		{"*llama*", "meta-llama/Llama-3", true}, {"o?", "o3", true}, {"o?", "o", false}, {"o?", "o13", false},
		{"*", "", true}, {"", "", true}, {"", "x", false}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxbyy", false},
		{"**", "x", true}, {"a*", "a", true},
	}
	for _, tt := range tests {
		if got := Match(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestMatchOfAHostilePatternEnds(t *testing.T) {
	t.Parallel()
	pattern := strings.Repeat("a*", 2000) + "b"
	if Match(pattern, strings.Repeat("a", 4000)) {
		t.Error("matched")
	}
}
