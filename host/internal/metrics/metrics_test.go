package metrics_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/internal/metrics"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ endpoint.Observer = (*metrics.Metrics)(nil)

func newMetrics(t *testing.T, source metrics.Source) *metrics.Metrics {
	t.Helper()
	m, err := metrics.New(source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// scrape returns the lines of /metrics that are no comments.
func scrape(t *testing.T, m *metrics.Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func wantLines(t *testing.T, lines []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(lines, w) {
			name, _, _ := strings.Cut(w, "{")
			var near []string
			for _, l := range lines {
				if strings.HasPrefix(l, name) {
					near = append(near, l)
				}
			}
			t.Errorf("no line\n%s\namong\n%s", w, strings.Join(near, "\n"))
		}
	}
}

func outcome(code provider.Code) endpoint.Outcome {
	return endpoint.Outcome{
		Report: status.Report{Endpoint: "fast", Provider: "claude", Model: "free-text", Attempts: 1,
			Total: 50 * time.Millisecond, QueueWait: 20 * time.Millisecond},
		Operation: provider.OpChat, Mode: provider.ModeStream, Code: code, FirstToken: 30 * time.Millisecond,
		Usage: provider.Usage{Input: 10, Output: 300},
	}
}

func TestRequestsAreRecordedUnderTheGenAINames(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{})
	m.RequestDone(outcome(""))
	m.RequestDone(outcome(""))
	m.RequestDone(outcome(provider.CodeTimeout))
	const labels = `backplane_endpoint="fast",%gen_ai_operation_name="chat",gen_ai_provider_name="anthropic"`
	ok := strings.Replace(labels, "%", "", 1)
	failed := strings.Replace(labels, "%", `error_type="timeout",`, 1)
	wantLines(t, scrape(t, m),
		`gen_ai_server_request_duration_seconds_count{`+ok+`} 2`,
		`gen_ai_server_request_duration_seconds_bucket{`+ok+`,le="0.04"} 0`,
		`gen_ai_server_request_duration_seconds_bucket{`+ok+`,le="0.08"} 2`,
		`gen_ai_server_request_duration_seconds_count{`+failed+`} 1`,
		`gen_ai_server_time_to_first_token_seconds_count{`+ok+`} 2`,
		`gen_ai_server_time_to_first_token_seconds_bucket{`+ok+`,le="0.04"} 2`,
		`gen_ai_client_token_usage_sum{`+ok+`,gen_ai_token_type="input"} 20`,
		`gen_ai_client_token_usage_sum{`+ok+`,gen_ai_token_type="output"} 600`,
		`backplane_queue_wait_seconds_count{`+ok+`} 2`,
		`backplane_queue_wait_seconds_sum{`+ok+`} 0.04`,
		`gen_ai_server_request_duration_seconds_sum{`+ok+`} 0.1`,
		`gen_ai_server_request_duration_seconds_bucket{`+ok+`,le="+Inf"} 2`,
	)
}

func TestEachAttemptIsRecordedUnderItsOwnOutcome(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{})
	only := outcome("")
	only.ProviderTime = 30 * time.Millisecond
	m.RequestDone(only)
	o := outcome("")
	o.Attempts = 3
	o.Tries = []status.Try{
		{Number: 1, Duration: 10 * time.Millisecond, Code: provider.CodeUpstream},
		{Number: 0, Code: provider.CodeQueueFull},
		{Number: 2, Duration: 20 * time.Millisecond, Code: provider.CodeUpstream},
		{Number: 3, Duration: 50 * time.Millisecond},
	}
	m.RequestDone(o)
	const labels = `backplane_endpoint="fast",%gen_ai_operation_name="chat",gen_ai_provider_name="anthropic"`
	ok := strings.Replace(labels, "%", "", 1)
	failed := strings.Replace(labels, "%", `error_type="upstream",`, 1)
	lines := scrape(t, m)
	wantLines(t, lines,
		`backplane_attempt_duration_seconds_count{`+ok+`} 2`,
		`backplane_attempt_duration_seconds_sum{`+ok+`} 0.08`,
		`backplane_attempt_duration_seconds_count{`+failed+`} 2`,
		`backplane_attempt_duration_seconds_sum{`+failed+`} 0.03`,
	)
	for _, line := range lines {
		if strings.Contains(line, "queue_full") {
			t.Errorf("a refusal is recorded as an attempt: %s", line)
		}
	}
}

// What there was none of is not recorded as 0.
func TestWhatARequestDoesNotHaveIsNotRecorded(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{})
	m.RequestDone(endpoint.Outcome{
		Report: status.Report{Endpoint: "fast", Provider: "echo"}, Operation: provider.OpChat, Code: provider.CodeQueueFull, FirstToken: time.Second,
	})
	m.RequestDone(endpoint.Outcome{Report: status.Report{Endpoint: "fast", Provider: "echo", Attempts: 2, Total: time.Hour}, Operation: provider.OpChat})
	const ok = `backplane_endpoint="fast",gen_ai_operation_name="chat",gen_ai_provider_name="echo"`
	const refused = `backplane_endpoint="fast",error_type="queue_full",gen_ai_operation_name="chat",gen_ai_provider_name="echo"`
	lines := scrape(t, m)
	wantLines(t, lines,
		`gen_ai_server_request_duration_seconds_count{`+refused+`} 1`,
		`gen_ai_server_request_duration_seconds_bucket{`+ok+`,le="81.92"} 0`,
		`gen_ai_server_request_duration_seconds_bucket{`+ok+`,le="+Inf"} 1`,
		`backplane_queue_wait_seconds_count{`+ok+`} 1`,
	)
	for _, line := range lines {
		for _, name := range []string{"backplane_attempt_duration", "gen_ai_server_time_to_first_token", "gen_ai_client_token_usage", "backplane_queue_wait_seconds_count{" + refused} {
			if strings.HasPrefix(line, name) {
				t.Errorf("recorded: %s", line)
			}
		}
	}
}

// The upper end of a bucket belongs to it, as Prometheus has it.
func TestAValueAtABoundIsBelowIt(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{})
	o := outcome("")
	o.Total, o.Usage.Input = 40*time.Millisecond, 16
	m.RequestDone(o)
	const ok = `backplane_endpoint="fast",gen_ai_operation_name="chat",gen_ai_provider_name="anthropic"`
	wantLines(t, scrape(t, m),
		`gen_ai_server_request_duration_seconds_bucket{`+ok+`,le="0.02"} 0`,
		`gen_ai_server_request_duration_seconds_bucket{`+ok+`,le="0.04"} 1`,
		`gen_ai_client_token_usage_bucket{`+ok+`,gen_ai_token_type="input",le="4"} 0`,
		`gen_ai_client_token_usage_bucket{`+ok+`,gen_ai_token_type="input",le="16"} 1`,
	)
}

func TestWordsOfCallersDoNotBecomeLabels(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{})
	for _, operation := range []string{"made-up-1", "made-up-2"} {
		o := outcome(provider.CodeUnsupported)
		o.Operation, o.Report.Model = operation, operation
		m.RequestDone(o)
	}
	lines := strings.Join(scrape(t, m), "\n")
	if strings.Contains(lines, "made-up") {
		t.Errorf("a caller's word became a label:\n%s", lines)
	}
	if !strings.Contains(lines, `gen_ai_operation_name="unsupported"`) {
		t.Errorf("the requests are not counted:\n%s", lines)
	}
}

func TestCountersAndGaugesAreReadFromSnapshots(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{
		Stats: func() []status.Stats {
			return []status.Stats{{
				Endpoint: "fast", Provider: "openai", Requests: 10, Success: 6, Errors: 3, Canceled: 1,
				ErrorsByCode: map[provider.Code]uint64{provider.CodeQueueFull: 2, provider.CodeAuth: 1},
				Refused:      map[status.Refusal]uint64{status.RefusedFull: 1, status.RefusedLate: 1}, Paced: 7,
				Attempts: 12, Retries: 2, Queued: 4, QueuedBytes: 4096, InFlight: 5,
				Circuit: status.Circuit{State: status.CircuitHalfOpen, Trips: 3},
			}}
		},
		Explain: func() []status.Explanation {
			return []status.Explanation{{
				Endpoint: "fast", Queue: status.QueueNow{MaxConcurrent: 8, Oldest: 1500 * time.Millisecond, Overloaded: true},
				Retry: status.RetryNow{Tokens: 9.5}, Hedge: &status.HedgeNow{Sent: 6, Won: 4}, Gate: &status.GateNow{},
			}, {Endpoint: "deleted meanwhile"}}
		},
		Providers: func() []status.Provider {
			return []status.Provider{{Name: "openai", State: status.ProviderBackoff, Generation: 3, Restarts: 2, InFlight: 1, Crashes: 4,
				Generations: []status.Generation{
					{ID: 3, State: status.GenerationDraining, InFlight: 2, Usage: &status.ProcessUsage{RSS: 1024, CPU: 1.5, Files: 7, Threads: 8}},
					{ID: 4, State: status.GenerationStarting},
				}}}
		},
	})
	const ep = `backplane_endpoint="fast"`
	const by = `gen_ai_provider_name="openai"`
	wantLines(t, scrape(t, m),
		`backplane_requests_total{`+ep+`,backplane_outcome="success",`+by+`} 6`,
		`backplane_requests_total{`+ep+`,backplane_outcome="error",`+by+`} 3`,
		`backplane_requests_total{`+ep+`,backplane_outcome="canceled",`+by+`} 1`,
		`backplane_errors_total{`+ep+`,error_type="queue_full",`+by+`} 2`,
		`backplane_errors_total{`+ep+`,error_type="auth",`+by+`} 1`,
		`backplane_attempts_total{`+ep+`,`+by+`} 12`,
		`backplane_retries_total{`+ep+`,`+by+`} 2`,
		`backplane_queue_depth{`+ep+`,`+by+`} 4`,
		`backplane_queue_size_bytes{`+ep+`,`+by+`} 4096`,
		`backplane_in_flight{`+ep+`,`+by+`} 5`,
		`backplane_queue_refusals_total{`+ep+`,backplane_reason="full",`+by+`} 1`,
		`backplane_queue_refusals_total{`+ep+`,backplane_reason="late",`+by+`} 1`,
		`backplane_queue_paced_total{`+ep+`,`+by+`} 7`,
		`backplane_queue_oldest_seconds{`+ep+`,`+by+`} 1.5`,
		`backplane_queue_overloaded{`+ep+`,`+by+`} 1`,
		`backplane_gate_shut{`+ep+`,`+by+`} 1`,
		`backplane_concurrency_limit{`+ep+`,`+by+`} 8`,
		`backplane_retry_budget{`+ep+`,`+by+`} 9.5`,
		`backplane_hedges_total{`+ep+`,`+by+`} 6`,
		`backplane_hedges_won_total{`+ep+`,`+by+`} 4`,
		`backplane_circuit_state{`+ep+`,backplane_state="half_open",`+by+`} 1`,
		`backplane_circuit_state{`+ep+`,backplane_state="open",`+by+`} 0`,
		`backplane_circuit_trips_total{`+ep+`,`+by+`} 3`,
		`backplane_plugin_state{backplane_provider="openai",backplane_state="backoff"} 1`,
		`backplane_plugin_state{backplane_provider="openai",backplane_state="ready"} 0`,
		`backplane_plugin_starts_total{backplane_provider="openai"} 3`,
		`backplane_plugin_restarts_total{backplane_provider="openai"} 2`,
		`backplane_plugin_in_flight{backplane_provider="openai"} 1`,
		`backplane_plugin_state{backplane_provider="openai",backplane_state="quarantined"} 0`,
		`backplane_plugin_crashes{backplane_provider="openai"} 4`,
		`backplane_plugin_process_state{backplane_generation="3",backplane_provider="openai",backplane_state="draining"} 1`,
		`backplane_plugin_process_state{backplane_generation="4",backplane_provider="openai",backplane_state="starting"} 1`,
		`backplane_plugin_process_in_flight{backplane_generation="3",backplane_provider="openai"} 2`,
		`backplane_plugin_process_memory_bytes{backplane_generation="3",backplane_provider="openai"} 1024`,
		`backplane_plugin_process_open_files{backplane_generation="3",backplane_provider="openai"} 7`,
		`backplane_plugin_process_threads{backplane_generation="3",backplane_provider="openai"} 8`,
		`backplane_plugin_process_cpu_seconds{backplane_generation="3",backplane_provider="openai"} 1.5`,
	)
}

func TestMemoryForBodiesIsShown(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{Bodies: func() admission.Status {
		return admission.Status{Size: 256 << 20, Held: 150_000, Waiting: 2, Refused: 7}
	}})
	wantLines(t, scrape(t, m),
		`backplane_bodies_held_bytes 150000`, `backplane_bodies_limit_bytes 2.68435456e+08`,
		`backplane_bodies_waiting 2`, `backplane_bodies_refused_total 7`)
}

func TestEveryInstrumentIsNamedOnceAndDescribed(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, in := range metrics.Instruments() {
		if seen[in.Name] || in.Description == "" {
			t.Errorf("%q is named twice or lacks a description", in.Name)
		}
		seen[in.Name] = true
	}
}

func TestTwoHostsInOneProcessCountApart(t *testing.T) {
	t.Parallel()
	a, b := newMetrics(t, metrics.Source{}), newMetrics(t, metrics.Source{})
	a.RequestDone(outcome(""))
	for _, line := range scrape(t, b) {
		if strings.HasPrefix(line, "gen_ai") {
			t.Errorf("the other host shows %s", line)
		}
	}
}

func TestRecordingIsSafeForConcurrentUseAndAfterShutdown(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, metrics.Source{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				o := outcome("")
				o.Endpoint = string(rune('a' + i%4))
				m.RequestDone(o)
			}
		})
	}
	wg.Wait()
	for _, ep := range []string{"a", "b", "c", "d"} {
		wantLines(t, scrape(t, m), `gen_ai_server_request_duration_seconds_count{backplane_endpoint="`+ep+
			`",gen_ai_operation_name="chat",gen_ai_provider_name="anthropic"} 200`)
	}
	for range 2 {
		if err := m.Shutdown(); err != nil {
			t.Fatal(err)
		}
	}
	m.RequestDone(outcome(""))
}

func TestRecordingAllocatesNothing(t *testing.T) {
	m := newMetrics(t, metrics.Source{})
	o := outcome("")
	m.RequestDone(o)
	if n := testing.AllocsPerRun(100, func() { m.RequestDone(o) }); n != 0 {
		t.Errorf("%v allocations a request, want none", n)
	}
}

func BenchmarkRequestDone(b *testing.B) {
	m, err := metrics.New(metrics.Source{})
	if err != nil {
		b.Fatal(err)
	}
	o := outcome("")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.RequestDone(o)
		}
	})
	if err := m.Shutdown(); err != nil {
		b.Fatal(err)
	}
}
