package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// inProcessProvider is a small provider without a service, with places for faults.
type inProcessProvider struct {
	manifest func(*provider.Manifest)
	chat     func(context.Context, *provider.ChatRequest) error
}

func (p inProcessProvider) Describe() provider.Manifest {
	m := provider.Manifest{
		Name: "small", Version: "1.0.0", Description: "Small.",
		Operations: []provider.Operation{{Name: provider.OpChat, Modes: []provider.Mode{provider.ModeCall}}},
	}
	if p.manifest != nil {
		p.manifest(&m)
	}
	return m
}

func (p inProcessProvider) Open(context.Context, provider.EndpointConfig) (provider.Endpoint, error) {
	return p, nil
}

func (p inProcessProvider) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	if p.chat != nil {
		if err := p.chat(ctx, req); err != nil {
			return nil, err
		}
	}
	text := "hi"
	return &provider.ChatResponse{Choices: []provider.Choice{{Message: provider.ResponseMessage{Role: "assistant", Content: &text}}}}, nil
}

// checkInProcess runs the cases whose names contain only.
func checkInProcess(t *testing.T, p provider.Provider, only string) map[string]Result {
	t.Helper()
	results := map[string]Result{}
	h := Harness{New: func() provider.Provider { return p }}
	l := &lab{Profile: Profile{Only: only}, launcher: &inProcess{harness: h}}
	// The error repeats what the results say.
	_ = check(t.Context(), l, func(r Result) { results[r.Case] = r })
	return results
}

// Not parallel: it looks at the goroutines of the whole process.
func TestAGoroutineThatOutlivesItsCallIsNoticed(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	leaking := inProcessProvider{chat: func(context.Context, *provider.ChatRequest) error {
		go func() { <-forever }()
		return nil
	}}
	got := checkInProcess(t, leaking, "goroutines")["lifecycle/goroutines"]
	if got.Outcome != Failed || !strings.Contains(got.Message, "inProcessProvider") && !strings.Contains(got.Message, "TestAGoroutine") {
		t.Errorf("got %s, want a failure that shows the stack", got)
	}
}

func TestAProviderWithoutServiceIsTriedWithTheKitsOwnRequests(t *testing.T) {
	t.Parallel()
	if got := checkInProcess(t, inProcessProvider{}, "call/round-trip")["call/round-trip"]; got.Outcome != Passed {
		t.Errorf("got %s, want it to pass", got)
	}
	silent := inProcessProvider{chat: func(context.Context, *provider.ChatRequest) error {
		return provider.Errorf(provider.CodeUnreachable, "no network here")
	}}
	results := checkInProcess(t, silent, "")
	if got := results["call/round-trip"]; got.Outcome != Skipped || !strings.Contains(got.Message, "Samples") {
		t.Errorf("got %s, want it skipped with a hint", got)
	}
	if got := results["operations/declared"]; got.Outcome != Passed {
		t.Errorf("got %s, want a typed failure to show that the operation is there", got)
	}
}

func TestAnAnswerWithoutTheCanonicalShapeIsNoticed(t *testing.T) {
	t.Parallel()
	got := checkInProcess(t, embedderOfAnotherShape{}, "call/round-trip")["call/round-trip"]
	if got.Outcome != Failed || !strings.Contains(got.Message, `without the field "data"`) {
		t.Errorf("got %s, want a failure that names the field", got)
	}
}

// embedderOfAnotherShape answers embeddings with its service's own JSON.
type embedderOfAnotherShape struct{ inProcessProvider }

func (e embedderOfAnotherShape) Describe() provider.Manifest {
	m := e.inProcessProvider.Describe()
	m.Operations[0].Name = provider.OpEmbeddings
	return m
}

func (e embedderOfAnotherShape) Open(context.Context, provider.EndpointConfig) (provider.Endpoint, error) {
	return e, nil
}

func (embedderOfAnotherShape) Call(context.Context, *provider.Request) (*provider.Response, error) {
	return &provider.Response{Body: []byte(`{"vectors":[[1,2]]}`)}, nil
}

func TestSettingsWithoutWordsAreNoticed(t *testing.T) {
	t.Parallel()
	mute := inProcessProvider{manifest: func(m *provider.Manifest) { m.Description = "" }}
	got := checkInProcess(t, mute, "describe/manifest")["describe/manifest"]
	if got.Outcome != Failed || !strings.Contains(got.Message, "one sentence") {
		t.Errorf("got %s, want a failure about the description", got)
	}
}

func TestEveryCaseHasANameAReasonAndAnAdvice(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	before, running := cases(Profile{Faults: []Fault{{Name: "x"}}})
	for _, c := range append(append(before, startCase), running...) {
		topic, rest, ok := strings.Cut(c.name, "/")
		if !ok || topic == "" || rest == "" || strings.ContainsAny(c.name, " A") {
			t.Errorf("case %q is not named topic/what", c.name)
		}
		if c.why == "" || c.advice == "" || c.run == nil {
			t.Errorf("case %s lacks a reason, an advice or what it does", c.name)
		}
		if seen[c.name] {
			t.Errorf("two cases are called %s", c.name)
		}
		seen[c.name] = true
	}
}

func TestResultsHideTheKey(t *testing.T) {
	t.Parallel()
	r := Result{Case: "secrets/errors"}
	r.conclude(fmt.Errorf("it said sk-very-secret"), "hide it")
	r.hide(provider.NewSecret("sk-very-secret"))
	if r.Outcome != Failed || strings.Contains(r.String(), "sk-very-secret") || !strings.Contains(r.String(), "[the key]") {
		t.Errorf("got %s, want the failure without the key", r)
	}
}

func TestResultsSayWhatWasSeenAndWhatToDo(t *testing.T) {
	t.Parallel()
	r := Result{Case: "a/b", Why: "reasons"}
	r.conclude(errors.Join(errors.New("one"), errors.New("two")), "general")
	if want := "failed  a/b: one\n        two\n        why: reasons\n        do:  general"; r.String() != want {
		t.Errorf("got %q, want %q", r.String(), want)
	}
	r = Result{Case: "a/b"}
	if r.conclude(fmt.Errorf("wrapped: %w", &failure{seen: "x", advice: "special"}), "general"); r.Advice != "special" {
		t.Errorf("advice is %q, want the observation's own", r.Advice)
	}
	r = Result{Case: "a/b"}
	if r.conclude(skipf("not for %s", "you"), "general"); r.String() != "skipped  a/b: not for you" {
		t.Errorf("got %q", r.String())
	}
}

func TestNumbersAreComparedAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{`{"a":1,"b":[1.50]}`, `{ "b" : [1.50], "a" : 1 }`, true},
		{`12345678901234567890`, `12345678901234567000`, false},
		{`1.50`, `1.5`, false},
		{`"ü"`, `"\u00fc"`, true},
		{`null`, `{}`, false},
	} {
		if same, err := sameJSON([]byte(tt.a), []byte(tt.b)); err != nil || same != tt.same {
			t.Errorf("%s and %s: %v %v, want %v", tt.a, tt.b, same, err, tt.same)
		}
	}
	if _, err := sameJSON([]byte(`{`), []byte(`{}`)); err == nil {
		t.Error("half an object was compared")
	}
}

func TestRetryAfterIsComparedWithTheToleranceOfItsForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		got, want time.Duration
		near      bool
	}{
		{7 * time.Second, 7 * time.Second, true},
		{28500 * time.Millisecond, 30 * time.Second, true},
		{25 * time.Second, 30 * time.Second, false},
		{1500 * time.Millisecond, 1500 * time.Millisecond, true},
		{time.Second, 1500 * time.Millisecond, false},
		{1500 * time.Second, 1500 * time.Millisecond, false},
		{0, 7 * time.Second, false},
	} {
		if got := near(tt.got, tt.want); got != tt.near {
			t.Errorf("near(%v, %v) is %v, want %v", tt.got, tt.want, got, tt.near)
		}
	}
}

func TestLaterSettingsAreLaidOverEarlierOnes(t *testing.T) {
	t.Parallel()
	got, err := overlay(nil, json.RawMessage(`{"a":1,"b":2}`), json.RawMessage(`{"b":3}`))
	if err != nil || string(got) != `{"a":1,"b":3}` {
		t.Errorf("got %s %v", got, err)
	}
	if _, err := overlay(json.RawMessage(`[1]`)); err == nil || !strings.Contains(err.Error(), "JSON object") {
		t.Errorf("a list was taken for settings: %v", err)
	}
}
