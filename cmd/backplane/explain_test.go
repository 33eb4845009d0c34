package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.Local)

func TestAnExplanationShowsTheVerdictFirstAndThenEachPolicy(t *testing.T) {
	t.Parallel()
	retryAt := noon.Add(7200 * time.Millisecond)
	e := status.Explanation{
		Endpoint: "flaky", At: noon, Verdict: "refused: the circuit breaker is open",
		Queue: status.QueueNow{
			Waiting: 3, Size: 100, Bytes: 2048, MaxBytes: 64 << 20, InFlight: 5, MaxConcurrent: 5, Oldest: 800 * time.Millisecond, Estimate: 2 * time.Second,
			Overloaded: true, Target: 6 * time.Second, Interval: 30 * time.Second,
			Classes: []status.ClassNow{
				{Priority: "high", Waiting: 1},
				{Priority: "normal", Waiting: 2, Tenants: []status.TenantNow{{Tenant: "k_1", Waiting: 1}, {Waiting: 1}}},
			},
		},
		Circuit: status.Circuit{State: status.CircuitOpen, Since: noon.Add(-time.Second), Failures: 8, Total: 11, RetryAt: &retryAt, Trips: 2,
			History: []status.Transition{{At: noon.Add(-time.Second), From: status.CircuitClosed, To: status.CircuitOpen, Reason: "8 of 11 failed"}}},
		Retry:  status.RetryNow{Max: 3, Tokens: 4.125, Capacity: 10},
		Limits: []status.LimitNow{{Meter: "requests", Source: "config", Limit: 600, Level: 480.97, PerSecond: 10}, {Model: "large", Meter: "tokens", Source: "headers", Limit: 160000, Level: 99.5, PerSecond: 2666.67}},
		Adapt:  &status.AdaptNow{Limit: 12, Base: 180 * time.Millisecond, Median: 210 * time.Millisecond, Reason: "steady"},
		Hedge:  &status.HedgeNow{Delay: 820 * time.Millisecond, Tokens: 4.2, Sent: 12, Won: 7},
		Gate:   &status.GateNow{Until: noon.Add(3 * time.Second), Why: "the service asked for it"},
		Key:    &status.KeyCooldown{Until: noon.Add(time.Minute), Code: provider.CodeQuota, Why: "no money left"},
	}
	const want = `endpoint  flaky
now       refused: the circuit breaker is open
queue     3 of 100 wait (2KiB of 64MiB), 5 of 5 run
          the oldest has waited 800ms; who comes now waits about 2s
          overloaded: not empty for more than 30s, so that waits are cut to 6s
          high priority: 1 wait
          normal priority: 2 wait: k_1 1, - 1
gate      shut for 3s: the service asked for it
key       not used for 1m0s (quota): no money left
circuit   open since 11:59:59: 8 of 11 attempts failed in the window; opened 2 times
          a probe may pass in 7.2s
          11:59:59  closed to open: 8 of 11 failed
retry     up to 3 more attempts; 4.12 of 10 tokens of the budget are left
limits    requests: 480.9 of 600 left, 10 more a second (configured)
          tokens of large: 99.5 of 160000 left, 2667 more a second (announced by the service)
adapt     12 at once; first token after 210ms, 180ms without load: steady
hedge     after 820ms; 4.2 second attempts are left; 12 sent, 7 of them answered first
`
	wantPage(t, want, func(out *bytes.Buffer) error { return printExplanation(out, &e) })
}

func TestAnExplanationOfAnIdleEndpointIsShort(t *testing.T) {
	t.Parallel()
	e := status.Explanation{
		Endpoint: "idle", At: noon, Verdict: "sent at once", Queue: status.QueueNow{Unbounded: true},
		Circuit: status.Circuit{State: status.CircuitDisabled}, Retry: status.RetryNow{},
	}
	const want = `endpoint  idle
now       sent at once
queue     0 wait (0B), without bound, 0 run, without limit
circuit   disabled
retry     none
`
	wantPage(t, want, func(out *bytes.Buffer) error { return printExplanation(out, &e) })
}

func wantPage(t *testing.T, want string, print func(*bytes.Buffer) error) {
	t.Helper()
	var out bytes.Buffer
	if err := print(&out); err != nil || out.String() != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, out.String(), want)
	}
}

func TestARefusalIsToldOnce(t *testing.T) {
	t.Parallel()
	r := status.Request{
		ID: "req_1", Endpoint: "fast", Provider: "echo", Operation: "embeddings", At: noon, Code: provider.CodeCircuitOpen, Error: "the circuit is open",
		Tries: []status.Try{{Code: provider.CodeCircuitOpen, Error: "the circuit is open"}},
	}
	const want = `request  req_1: embeddings at endpoint fast (provider echo)
arrived  2026-01-31 12:00:00.000
took     0s: 0s queued, 0s between attempts, 0s with the provider
result   circuit_open: the circuit is open
`
	wantPage(t, want, func(out *bytes.Buffer) error { return printRequest(out, &r) })
}

func TestTheStoryOfARequestTellsEachAttempt(t *testing.T) {
	t.Parallel()
	r := status.Request{
		ID: "req_1", Endpoint: "limited", Provider: "echo", Operation: "chat", Model: "echo", At: noon, Stream: true,
		Duration: 2220 * time.Millisecond, QueueWait: 11 * time.Microsecond, Backoff: 2 * time.Second, ProviderTime: 213 * time.Millisecond,
		FirstToken: 200 * time.Millisecond, Attempts: 9, Success: true, Usage: provider.Usage{Input: 1, Output: 2}, Tenant: "k_1", Priority: "high",
		Tries: []status.Try{
			{Number: 1, At: noon.Add(11 * time.Microsecond), QueueWait: 11 * time.Microsecond, Permit: status.CircuitClosed, Duration: time.Millisecond,
				Code: provider.CodeRateLimit, Error: "HTTP 429: slow\ndown", Delay: 2 * time.Second, Next: "tried again"},
			{Number: 2, At: noon.Add(2 * time.Second), Permit: status.CircuitHalfOpen, Duration: time.Second, Code: provider.CodeUpstream, Next: "cancelled", Hedge: true},
			{Code: provider.CodeQueueFull, Error: "the queue is full"},
			{Number: 3, At: noon.Add(2010 * time.Millisecond), Duration: 212 * time.Millisecond},
		},
	}
	const want = `request  req_1: streamed chat of model echo at endpoint limited (provider echo), tenant k_1, priority high
arrived  2026-01-31 12:00:00.000
took     2.22s: 11µs queued, 2s between attempts, 213ms with the provider
         the first chunk came 200ms after its attempt began
result   ok, 1+2 tokens
try 1    after 11µs: rate_limit in 1ms: HTTP 429: slow down (11µs queued)
         then: tried again, after a pause of 2s
try 2    after 2s: upstream in 1s (a probe of the circuit) (beside a slow attempt)
         then: cancelled
refused  queue_full: the queue is full
try 3    after 2.01s: ok in 212ms
         4 of 9 attempts are told
`
	wantPage(t, want, func(out *bytes.Buffer) error { return printRequest(out, &r) })
}
