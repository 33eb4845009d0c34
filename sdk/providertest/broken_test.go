package providertest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

// brokenBinary is the built brokenprovider, once for all tests.
var brokenBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "brokenprovider")
	out, err := exec.Command("go", "build", "-o", path, "../internal/brokenprovider").CombinedOutput()
	if err != nil {
		return "", &buildError{string(out)}
	}
	return path, nil
})

type buildError struct{ output string }

func (e *buildError) Error() string { return "build: " + e.output }

// broken returns the binary with the named fault.
func broken(t *testing.T, fault string) string {
	t.Helper()
	built, err := brokenBinary()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "backplane-provider-"+fault)
	if err := os.Link(built, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// examine runs the cases whose names contain only and returns their results.
func examine(t *testing.T, target providertest.Target) (map[string]providertest.Result, error) {
	t.Helper()
	results := map[string]providertest.Result{}
	err := providertest.Check(t.Context(), target, func(r providertest.Result) {
		if _, twice := results[r.Case]; twice {
			t.Errorf("case %s was reported twice", r.Case)
		}
		results[r.Case] = r
	})
	return results, err
}

// expectation is what the kit must say of a broken provider.
type expectation struct {
	fault  string // the provider
	fails  string // the case
	seen   string // in the message
	advice string // in the advice
}

var expectations = []expectation{
	{"noisy", "start/handshake", "loading models", "print nothing to standard output"},
	{"mute", "start/by-hand", "exits with code 0", "exit with a code other than 0"},
	{"hanging", "start/describes-itself", "did not answer within 5s", "Describe must return at once"},
	{"misnamed", "describe/subcommand", `name is "another"`, "name the binary backplane-provider-another"},
	{"fickle", "describe/agrees", "differ in Models", "return the same value"},
	{"changing", "describe/repeatable", "differs from the first in Version", "from constants"},
	{"sloppy", "describe/manifest", `version: "v1" is no semantic version`, "mend the field"},
	{"picky", "open/settings-of-the-run", "Not this one", "accept in Open all that the schema accepts"},
	{"careless", "open/unknown-setting", "was accepted", "refuse settings"},
	{"eager", "open/needs-no-network", "OpenEndpoint", "connect in the first call"},
	{"sticky", "open/replace", "did not use the new credential", "keep nothing of an endpoint"},
	{"hoarder", "open/close", "on a closed endpoint was answered", "forget the endpoint"},
	{"boastful", "operations/declared", "embeddings, mode call: unsupported", "do not declare it"},
	{"obliging", "operations/undeclared", "kit.no_such_operation was answered", `the code "unsupported"`},
	{"ailing", "health/answers", "not today", "answer Health at once"},
	{"optimist", "test/answers", "reported success although", "in TestEndpoint"},
	{"foreign", "call/round-trip", `without the field "choices"`, "the JSON shape of the operation"},
	{"uncounted", "call/usage", "3, 2 and 5 tokens", "Meta.Usage"},
	{"literal", "call/model", "kit-model-of-the-envelope", "ask the service for Request.Model"},
	{"lossy", "call/unknown-fields-sent", "lost the unknown field", "unknown fields on untouched"},
	{"lossy", "call/unknown-fields-answered", "lost the unknown field", "unknown fields on untouched"},
	{"headless", "stream/started-first", `began with "data"`, "started once"},
	{"unfinished", "stream/finished", "without the event finished", "return from the method without an error"},
	{"talkative", "stream/nothing-after-finished", "went on after finished", "once and last"},
	{"framed", "stream/chunks", "is not a JSON object", `without "data:"`},
	{"wasteful", "stream/usage", "finished has", "Finish.Usage"},
	{"lossy", "stream/unknown-fields-sent", "lost the unknown field", "unknown fields on untouched"},
	{"bare", "stream/unknown-fields-answered", "lost the unknown field", "unknown fields on untouched"},
	{"deaf", "cancel/stream", "is still open", "context of the call"},
	{"deaf", "cancel/call", "is still open", "context of the call"},
	{"patient", "timeout/call", "with an attempt timeout of 300ms", "attempt_timeout"},
	{"patient", "timeout/stream", "with an attempt timeout of 300ms", "attempt_timeout"},
	{"mislabel", "errors/429-rate-limit", `the code is "upstream", want "rate_limit"`, "classify"},
	{"mislabel", "errors/429-retry-after-seconds", `the code is "upstream"`, "Error.RetryAfter"},
	{"gullible", "errors/200-html", "answered with success", "the service's own shape"},
	{"gullible", "errors/200-half-json", "answered with success", "half an answer is a failure"},
	{"hasty", "errors/stream-refused", "the stream sent started", "without the event started"},
	{"trusting", "errors/stream-cut-off", "the provider's finished", "never with finished"},
	{"apologetic", "errors/stream-error-event", "sent on as a chunk", "return it as an error"},
	{"stubborn", "retries/none", "received 2 requests for one call", "send each request once"},
	{"keyless", "secrets/used", "did not receive the endpoint's key", "send the credential"},
	{"loyal", "secrets/per-call", "did not receive the key of the call", "Request.Credential"},
	{"leaky", "secrets/errors", "the key was [the key]", "keep the key out"},
	{"proud", "secrets/answers", "x-used-key", "keep the key out of Meta"},
	{"indiscreet", "secrets/logs", "opened with the key [the key]", "do not log keys"},
	{"caching", "load/parallel", "is another one", "concurrent use"},
	{"narrow", "load/large-body", "5 MiB was refused", "message limit"},
	{"greedy", "load/oversized-body", "was accepted", `the code "too_large"`},
	{"fragile", "load/panic", "a request on which the provider panics", "recover from panics"},
	{"astray", "session/many-calls", "which was never opened", "comment on SessionRequest"},
	{"echoing", "session/many-calls", "a second result", "comment on SessionRequest"},
	{"restless", "session/many-calls", "after the one with end", "comment on SessionRequest"},
	{"garbled", "session/many-calls", "unmarshal", "comment on SessionRequest"},
	{"speechless", "session/many-calls", "was not answered", "the last one with end"},
	{"abrupt", "session/many-calls", "enough", "comment on SessionRequest"},
	{"promising", "session/many-calls", "what is a session?", `leaving out the capability "session"`},
	{"forgetful", "session/same-answers", "beside the answer", "all of the CallResponse"},
	{"lavish", "session/credit", "a data event without credit", "comment on SessionRequest"},
	{"belated", "session/cancel", "of a call that was cancelled", "not even an error"},
	{"timeless", "session/deadline", "has not ended", "when open.timeout has passed"},
	{"tolerant", "session/refuses-nonsense", "and the session goes on", "INVALID_ARGUMENT"},
	{"lingering", "session/ends-when-asked", "has not ended", "half-closed it"},
	{"undrained", "lifecycle/drain", "was answered after Drain", "after Drain refuse"},
	{"clinging", "lifecycle/shutdown", "still runs", "end within 2 s"},
	{"immortal", "lifecycle/lifeline", "still runs", "exit when it reaches its end"},
	{"chatty", "lifecycle/standard-output", "got a request", "log to standard error"},
}

func TestEachBrokenProviderFailsItsCaseWithAdvice(t *testing.T) {
	t.Parallel()
	for _, tt := range expectations {
		t.Run(tt.fault+"/"+tt.fails, func(t *testing.T) {
			t.Parallel()
			target := providertest.Target{Binary: broken(t, tt.fault), Profile: brokenProfile(tt.fails)}
			if tt.fails == "secrets/logs" || tt.fails == "lifecycle/standard-output" {
				target.Only = "" // they look at what the other cases left behind
			}
			results, err := examine(t, target)
			if err == nil {
				t.Error("Check returned no error")
			}
			got := results[tt.fails]
			if got.Outcome != providertest.Failed {
				t.Fatalf("%s %s (%s), want it to fail", tt.fails, got.Outcome, got.Message)
			}
			if !strings.Contains(got.Message, tt.seen) {
				t.Errorf("message is %q, want it to contain %q", got.Message, tt.seen)
			}
			if !strings.Contains(got.Advice, tt.advice) {
				t.Errorf("advice is %q, want it to contain %q", got.Advice, tt.advice)
			}
		})
	}
}

func TestAProviderThatDoesNotClassifyFailsEveryCaseOfErrors(t *testing.T) {
	t.Parallel()
	results, _ := examine(t, providertest.Target{Binary: broken(t, "blunt"), Profile: brokenProfile("errors/")})
	for name, r := range results {
		if strings.HasPrefix(name, "errors/") && r.Outcome != providertest.Failed {
			t.Errorf("%s %s (%s), want it to fail", name, r.Outcome, r.Message)
		}
	}
	if len(results) < 15 {
		t.Errorf("%d cases ran, want those of all classes", len(results))
	}
}

// brokenProfile is what the kit needs to know of the broken providers.
func brokenProfile(only string) providertest.Profile {
	return providertest.Profile{Only: only, Panic: &providertest.Sample{
		Operation: provider.OpChat, Mode: provider.ModeCall,
		Body: `{"messages":[{"role":"user","content":"please panic"}]}`,
	}}
}

func TestTheGoodProviderPassesEveryCaseThatABinaryCanShow(t *testing.T) {
	t.Parallel()
	target := providertest.Target{Binary: broken(t, "good"), Profile: brokenProfile("")}
	results, err := examine(t, target)
	if err != nil {
		t.Error(err)
	}
	for name, r := range results {
		if r.Outcome != providertest.Passed && name != "lifecycle/goroutines" {
			t.Errorf("%s", r)
		}
		// A case that nobody fails proves nothing: it may be unable to.
		seen := strings.HasPrefix(name, "errors/") || name == "lifecycle/goroutines"
		for _, tt := range expectations {
			seen = seen || tt.fails == name
		}
		if !seen {
			t.Errorf("no broken provider fails the case %s", name)
		}
	}
}

func TestAPluginThatDoesNotStartLeavesTheOtherCasesOut(t *testing.T) {
	t.Parallel()
	results, _ := examine(t, providertest.Target{Binary: broken(t, "noisy")})
	got := results["call/round-trip"]
	if got.Outcome != providertest.Skipped || !strings.Contains(got.Message, "did not start") {
		t.Errorf("call/round-trip %s (%s), want it skipped because the plugin did not start", got.Outcome, got.Message)
	}
}

func TestMissingSettingsFailOneCaseAndLeaveTheOthersOut(t *testing.T) {
	t.Parallel()
	target := providertest.Target{Binary: broken(t, "good"), Profile: providertest.Profile{Service: providertest.NoService}}
	results, err := examine(t, target)
	if err == nil || !strings.HasPrefix(err.Error(), "1 cases failed") {
		t.Errorf("error is %v, want one failed case", err)
	}
	if got := results["open/settings-of-the-run"]; got.Outcome != providertest.Failed || !strings.Contains(got.Advice, "-settings") {
		t.Errorf("got %s, want a failure whose advice names -settings", got)
	}
	if got := results["open/close"]; got.Outcome != providertest.Skipped {
		t.Errorf("open/close %s (%s), want it skipped", got.Outcome, got.Message)
	}
}

func TestCheckSaysWhyABinaryCannotBeRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                           "no plugin given",
		filepath.Join(dir, "nobody"): "no such file",
		dir:                          "is not a file",
		plain:                        "is not executable",
	} {
		err := providertest.Check(t.Context(), providertest.Target{Binary: path}, func(r providertest.Result) {
			t.Errorf("%q: case %s was run", path, r.Case)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want it to contain %q", path, err, want)
		}
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := providertest.Check(ctx, providertest.Target{Binary: broken(t, "good")}, func(r providertest.Result) {
		t.Errorf("case %s was run", r.Case)
	})
	if err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("error is %v, want the end of the context", err)
	}
}
