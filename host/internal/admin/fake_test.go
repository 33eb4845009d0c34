package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCore is a fake host with one endpoint, "fast", and one provider, "echo".
// It remembers what it was asked to do.
type fakeCore struct {
	mu    sync.Mutex
	calls []string
	// fail is returned by whatever is called next.
	fail error
}

func (f *fakeCore) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.fail
}

func (f *fakeCore) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		return ""
	}
	return f.calls[len(f.calls)-1]
}

var when = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func unknown(what, name string) error {
	return &provider.Error{Code: provider.CodeNotFound, Source: provider.SourceHost, Param: what,
		Message: fmt.Sprintf("%s %q is not known", what, name)}
}

func endpointOf(id string) status.Endpoint {
	return status.Endpoint{
		ID: id, Provider: "echo", Model: "echo-1", Revision: 2, Origin: "api", HasKey: true,
		Operations: []provider.Operation{{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}, Description: "Echoes."}},
		Settings:   map[string]any{"words_per_second": 5.0}, Policy: config.DefaultPolicy(), Circuit: status.CircuitClosed,
	}
}

func (f *fakeCore) Endpoints() []status.Endpoint {
	_ = f.note("Endpoints")
	return []status.Endpoint{endpointOf("fast"), {ID: "bare", Provider: "echo", Origin: "config", Circuit: status.CircuitOpen}}
}

func (f *fakeCore) Endpoint(id string) (status.Endpoint, error) {
	if id != "fast" && id != "a/b c" {
		return status.Endpoint{}, unknown("endpoint", id)
	}
	return endpointOf(id), f.note("Endpoint %s", id)
}

func (f *fakeCore) CreateEndpoint(_ context.Context, spec []byte) (status.Endpoint, error) {
	return endpointOf("new one"), f.note("CreateEndpoint %s", spec)
}

func (f *fakeCore) UpdateEndpoint(_ context.Context, id string, patch []byte) (status.Endpoint, error) {
	return endpointOf(id), f.note("UpdateEndpoint %s %s", id, patch)
}

func (f *fakeCore) DeleteEndpoint(_ context.Context, id string) error {
	return f.note("DeleteEndpoint %s", id)
}

func (f *fakeCore) TestEndpoint(_ context.Context, id string) (status.Report, error) {
	return status.Report{RequestID: "req_1", Endpoint: id, Provider: "echo", Model: "m", Attempts: 1, Total: time.Millisecond, Hedged: true, Tries: []status.Try{{Number: 1, At: when}}}, f.note("TestEndpoint %s", id)
}

func statsOf(id string) status.Stats {
	q := status.Quantiles{Count: 3, Mean: .5, P50: .4, P90: .9, P99: 1, Max: 1.2}
	return status.Stats{
		Endpoint: id, Provider: "echo", Requests: 9, Success: 6, Errors: 2, Canceled: 1,
		ErrorsByCode: map[provider.Code]uint64{provider.CodeTimeout: 2}, Attempts: 10, Retries: 1,
		Refused: map[status.Refusal]uint64{status.RefusedFull: 2}, Paced: 3,
		QueueWait: q, Latency: q, TimeToFirstToken: q, Tokens: provider.Usage{Input: 1, Output: 2, Total: 3, Cached: 1, Reasoning: 1, CacheWrite: 1},
		Circuit: status.Circuit{State: status.CircuitOpen, Since: when, Failures: 6, Total: 10, RetryAt: &when, Trips: 1,
			History: []status.Transition{{At: when, From: status.CircuitClosed, To: status.CircuitOpen, Reason: "6 of 10 failed"}}},
		CreatedAt: when, LastRequestAt: &when,
	}
}

func (f *fakeCore) Stats() []status.Stats {
	_ = f.note("Stats")
	return []status.Stats{statsOf("fast"), {Endpoint: "idle", Provider: "echo", Circuit: status.Circuit{State: status.CircuitDisabled, Since: when}, CreatedAt: when}}
}

func (f *fakeCore) EndpointStats(id string) (status.Stats, error) {
	if last := f.last(); strings.Contains(last, "Circuit") { // keep the note of what is looked at here
		return statsOf(id), nil
	}
	return statsOf(id), f.note("EndpointStats %s", id)
}

func (f *fakeCore) ResetStats(id string) error { return f.note("ResetStats %s", id) }

func (f *fakeCore) Recent(filter status.RequestFilter) []status.Request {
	if !filter.Since.IsZero() {
		filter.Since = filter.Since.UTC()
	}
	_ = f.note("Recent %+v", filter)
	if filter.ID == "nobody" {
		return nil
	}
	return []status.Request{
		{ID: "req_2", Endpoint: "fast", Provider: "echo", Operation: "chat", Model: "m", At: when, Duration: time.Second, Attempts: 1,
			Stream: true, Success: true, Usage: provider.Usage{Input: 1}, FirstToken: 1, Tenant: "t1", Priority: "high"},
		{ID: "req_1", Endpoint: "fast", Provider: "echo", Operation: "chat", At: when, Backoff: 1, ProviderTime: 2, Code: provider.CodeTimeout,
			Error: "timeout of 60s passed", Attempts: 4, Tries: []status.Try{{
				Endpoint: "fast", Provider: "echo", Number: 1, At: when, QueueWait: 1, Permit: status.CircuitHalfOpen, Duration: 2,
				Code: provider.CodeTimeout, Error: "e", Delay: 3, Next: "again", Hedge: true,
			}, {Endpoint: "fast", Provider: "echo", At: when}}},
	}
}

func (f *fakeCore) OpenCircuit(id, reason string, d time.Duration) error {
	return f.note("OpenCircuit %s %q %s", id, reason, d)
}

func (f *fakeCore) CloseCircuit(id, reason string) error {
	return f.note("CloseCircuit %s %q", id, reason)
}

func (f *fakeCore) Explain(id string) (status.Explanation, error) {
	return status.Explanation{
		Endpoint: id, At: when, Verdict: "waits in the queue",
		Queue: status.QueueNow{Waiting: 3, Size: 100, Unbounded: true, Bytes: 1, MaxBytes: 2, InFlight: 5, MaxConcurrent: 5, Oldest: 1, Estimate: 2,
			Overloaded: true, Target: 3, Interval: 4,
			Classes: []status.ClassNow{{Priority: "high", Waiting: 3, Tenants: []status.TenantNow{{Tenant: "t1", Waiting: 3}}}}},
		Circuit: statsOf(id).Circuit,
		Retry:   status.RetryNow{Max: 3, Tokens: 9.5, Capacity: 10},
		Limits:  []status.LimitNow{{Model: "m", Meter: "requests", Source: "headers", Limit: 10, Level: 9, PerSecond: 1}},
		Adapt:   &status.AdaptNow{Limit: 5, Base: 1, Median: 2, Reason: "r"},
		Hedge:   &status.HedgeNow{Delay: 1, Tokens: 2, Sent: 3, Won: 4},
		Gate:    &status.GateNow{Until: when, Why: "w"},
		Key:     &status.KeyCooldown{Until: when, Code: provider.CodeQuota, Why: "w"},
	}, f.note("Explain %s", id)
}

var generation = status.Generation{
	ID: 3, State: status.GenerationReady, Version: "0.1.0", SHA256: "aa", Kept: "sealed", PID: 7, Since: when, InFlight: 1,
	Confined: []string{"seccomp"}, Unconfined: []string{"landlock: no"}, Usage: &status.ProcessUsage{RSS: 1, CPU: 2.5, Files: 3, Threads: 4},
}

func providerOf(name string) status.Provider {
	return status.Provider{
		Name: name, Version: "0.1.0", State: status.ProviderBackoff, Reason: "it crashed", Since: when, Path: "/p", PID: 7,
		Generation: 3, Restarts: 2, InFlight: 1, LastExit: "signal: killed", Endpoints: []string{"fast"}, Log: []string{"one", "two"},
		Generations: []status.Generation{generation}, Crashes: 2, TrialUntil: &when,
		LastSwap: &status.Swap{Provider: name, Changed: true, From: &generation, To: &generation, Took: 1, At: when, RolledBack: "it crashed"},
		Manifest: &provider.Manifest{
			Name: name, Version: "0.1.0", Description: "d", Homepage: "h", License: "l", SDK: "go/0.1.0", Protocols: []int{1}, Capabilities: []string{"x"},
			Operations: []provider.Operation{{Name: "chat", Modes: []provider.Mode{provider.ModeCall}, Unsafe: true}},
			Settings: schema.Object{
				Attributes: []schema.Attribute{{Name: "words", Type: schema.Int, Description: "d", Required: true, Default: 3, Sensitive: true,
					OneOf: []string{"a"}, Min: schema.Bound(1), Max: schema.Bound(2), Pattern: "x", Deprecated: "y", Env: []string{"E"}}},
				Blocks: []schema.Block{{Name: "tls", Description: "d", Object: schema.Object{}, Required: true, Multiple: true}},
			},
			Credential: provider.Credential{Env: []string{"K"}, Required: true}, Models: provider.Models{Default: "m", Patterns: []string{"m*"}},
			ForwardHeaders: []string{"openai-beta"}, Limits: provider.Limits{MaxRequestBytes: 1, MaxResponseBytes: 2, MaxConcurrent: 3}, Exclusive: true,
		},
	}
}

func (f *fakeCore) Providers() []status.Provider {
	_ = f.note("Providers")
	return []status.Provider{providerOf("echo"), {Name: "broken", State: status.ProviderFailed, Since: when}}
}

func (f *fakeCore) Provider(name string) (status.Provider, error) {
	return providerOf(name), f.note("Provider %s", name)
}

func (f *fakeCore) SwapProvider(_ context.Context, name string) (status.Swap, error) {
	return *providerOf(name).LastSwap, f.note("SwapProvider %s", name)
}

func (f *fakeCore) RollbackProvider(_ context.Context, name string) (status.Swap, error) {
	return *providerOf(name).LastSwap, f.note("RollbackProvider %s", name)
}

func (f *fakeCore) RestartProvider(_ context.Context, name string) (status.Swap, error) {
	return status.Swap{Provider: name, At: when}, f.note("RestartProvider %s", name)
}

var aPlan = status.Plan{File: "/c.hcl", Warnings: []string{"w"}, Steps: []status.Step{
	{Kind: status.StepProvider, Name: "echo", Action: status.ActionSwap, Note: "n", Problem: "p",
		Differences: []status.Difference{{Setting: "version", From: "1", To: "2"}, {Setting: "env.A"}}},
	{Kind: status.StepRoute, Name: "r", Action: status.ActionKeep},
}}

func (f *fakeCore) Plan(_ context.Context, file string) (status.Plan, error) {
	return aPlan, f.note("Plan %s", file)
}

func (f *fakeCore) Reload(context.Context) (status.Plan, error) { return aPlan, f.note("Reload") }

func (f *fakeCore) Models(context.Context) ([]provider.Model, error) {
	return []provider.Model{{ID: "echo-1", OwnedBy: "echo", Extra: provider.Extra{"context_window": json.RawMessage("8192")}}}, f.note("Models")
}
