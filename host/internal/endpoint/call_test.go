package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestACallIsAnsweredAndReported(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var got provider.Request
		f := &fake{}
		f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
			got = *req
			time.Sleep(2 * time.Second)
			return good(), nil
		}
		e, o := build(steady(), f)
		req := chat()
		resp, report, err := e.Call(t.Context(), req)
		if err != nil || string(resp.Body) != `{"ok":true}` {
			t.Fatalf("got %v, %v", resp, err)
		}
		if got.Endpoint != "e" || got.Revision != 4 || got.Attempt != 1 || got.Timeout != time.Minute || got.Model != "m" {
			t.Errorf("the backend was sent %+v", got)
		}
		if req.Endpoint != "" || req.Attempt != 0 {
			t.Errorf("the caller's request was changed: %+v", req)
		}
		want := status.Report{
			RequestID: "id-1", Endpoint: "e", Provider: "fake", Model: "m", Attempts: 1,
			ProviderTime: 2 * time.Second, Total: 2 * time.Second,
		}
		if report != want {
			t.Errorf("report %+v, want %+v", report, want)
		}
		s := wantQuiet(t, e)
		if s.Success != 1 || s.Attempts != 1 || s.Tokens.Total != 7 || s.Latency.Max != 2 {
			t.Errorf("stats %+v", s)
		}
		if out := o.outcomes(); len(out) != 1 || out[0].Report != want || out[0].Code != "" || out[0].Usage.Total != 7 ||
			out[0].Operation != "chat" || out[0].Mode != provider.ModeCall {
			t.Errorf("observed %+v", out)
		}
		if rec := e.Recent(0); len(rec) != 1 || !rec[0].Success || rec[0].ID != "id-1" || rec[0].Duration != 2*time.Second || rec[0].Usage.Total != 7 {
			t.Errorf("recent %+v", rec)
		}
	})
}

func TestRequestsThatCannotSucceedAreRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	cfg := Config{ID: "e", Provider: "fake", Manifest: manifest(), Policy: steady(), Backend: &fake{}}
	cfg.Manifest.Credential = provider.Credential{Required: true, Env: []string{"FAKE_KEY", "OTHER_KEY"}}
	e := New(cfg)
	for _, c := range []struct {
		operation string
		code      provider.Code
		message   string
	}{
		{"rerank", provider.CodeUnsupported, `operation "rerank" is not supported by this endpoint; it offers chat, embeddings, files.get, files.upload`},
		{"files.get", provider.CodeUnsupported, `operation "files.get" cannot be called in mode "call"; it offers transfer`},
		{"chat", provider.CodeAuth, `endpoint "e" has no API key; set its api_key or the environment variable FAKE_KEY or OTHER_KEY, or send a key with the request`},
	} {
		_, report, err := e.Call(t.Context(), &provider.Request{Operation: c.operation, RequestID: "x"})
		got := wantCode(t, err, c.code)
		if got.Message != c.message || got.Source != provider.SourceHost {
			t.Errorf("%s: %q of %s, want %q", c.operation, got.Message, got.Source, c.message)
		}
		if report.Attempts != 0 || report.Endpoint != "e" || report.RequestID != "x" {
			t.Errorf("%s: report %+v", c.operation, report)
		}
	}
	if s := wantQuiet(t, e); s.Errors != 3 || s.ErrorsByCode[provider.CodeUnsupported] != 2 || s.Attempts != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAKeyOfTheRequestOrOneSetLaterIsEnough(t *testing.T) {
	t.Parallel()
	cfg := Config{ID: "e", Manifest: manifest(), Policy: steady(), Backend: script(func(int) error { return nil })}
	cfg.Manifest.Credential.Required = true
	e := New(cfg)
	req := chat()
	req.Credential = provider.NewSecret("k")
	if _, _, err := e.Call(t.Context(), req); err != nil {
		t.Errorf("with a key of its own: %v", err)
	}
	e.SetHasKey(true)
	if _, _, err := e.Call(t.Context(), chat()); err != nil {
		t.Errorf("with the endpoint's key: %v", err)
	}
}

func TestTransientFailuresAreRepeatedOnSchedule(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(n int) error {
			if n < 4 {
				return upstreamError()
			}
			return nil
		})
		e, _ := build(steady(), f)
		start := time.Now()
		_, report, err := e.Call(t.Context(), chat())
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{0, 1, 3, 7} {
			if got := f.calls[i].Sub(start); got.Seconds() != want {
				t.Errorf("attempt %d after %v, want %vs", i+1, got, want)
			}
		}
		if report.Attempts != 4 || report.Backoff != 7*time.Second || report.QueueWait != 0 {
			t.Errorf("report %+v", report)
		}
		s := wantQuiet(t, e)
		if s.Attempts != 4 || s.Retries != 3 || s.Success != 1 || s.Circuit.Failures != 3 || s.Circuit.Total != 4 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestWhatWillNotSucceedLaterIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, code := range []provider.Code{
		provider.CodeAuth, provider.CodePermission, provider.CodeInvalidRequest, provider.CodeNotFound, provider.CodeQuota,
		provider.CodeTooLarge, provider.CodeContentFilter, provider.CodeConflict, provider.CodeInternal,
	} {
		f := script(func(int) error { return &provider.Error{Code: code, Message: "no"} })
		e, _ := build(steady(), f)
		_, report, err := e.Call(t.Context(), chat())
		wantCode(t, err, code)
		if f.count() != 1 || report.Attempts != 1 {
			t.Errorf("%s: %d attempts, want 1", code, f.count())
		}
		if s := wantQuiet(t, e); s.Circuit.Total != 0 || s.ErrorsByCode[code] != 1 {
			t.Errorf("%s: stats %+v", code, s)
		}
	}
}

func TestTheServicesWordOnRetryingIsTaken(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		for _, c := range []struct {
			code provider.Code
			hint provider.RetryHint
			want int
		}{
			{provider.CodeConflict, provider.RetryAlways, 4},
			{provider.CodeUpstream, provider.RetryNever, 1},
			{provider.CodeAuth, provider.RetryAlways, 1},
		} {
			f := script(func(int) error { return &provider.Error{Code: c.code, Retry: c.hint} })
			e, _ := build(steady(), f)
			_, _, err := e.Call(t.Context(), chat())
			wantCode(t, err, c.code)
			if f.count() != c.want {
				t.Errorf("%s with hint %d: %d attempts, want %d", c.code, c.hint, f.count(), c.want)
			}
		}
	})
}

func TestUnsafeOperationsAreNotRepeatedAfterTheyMayHaveBeenSent(t *testing.T) {
	t.Parallel()
	for _, code := range []provider.Code{
		provider.CodeUpstream, provider.CodeUnreachable, provider.CodeTimeout, provider.CodePluginUnavailable, provider.CodeRateLimit,
	} {
		f := script(func(int) error { return &provider.Error{Code: code} })
		e, _ := build(steady(), f)
		_, _, err := e.Call(t.Context(), &provider.Request{Operation: "files.upload"})
		wantCode(t, err, code)
		if f.count() != 1 {
			t.Errorf("%s: %d attempts, want 1", code, f.count())
		}
	}
}

func TestRetryAfterIsNeverUndercut(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Jitter, policy.Timeout = 1, 0
		f := script(func(n int) error {
			if n == 1 {
				return rateLimit(7 * time.Second)
			}
			return nil
		})
		for range 200 {
			f.calls = nil
			e, _ := build(policy, f)
			if _, _, err := e.Call(t.Context(), chat()); err != nil {
				t.Fatal(err)
			}
			if gap := f.calls[1].Sub(f.calls[0]); gap < 7*time.Second {
				t.Fatalf("repeated after %v, the service asked for 7s", gap)
			}
		}
	})
}

func TestOneRetryAfterHoldsTheWholeEndpoint(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(n int) error {
			if n == 1 {
				return rateLimit(10 * time.Second)
			}
			return nil
		})
		e, _ := build(steady(), f)
		start := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat()); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		for i, at := range f.calls[1:] {
			if at.Sub(start) < 10*time.Second {
				t.Errorf("call %d was made after %v, within the 10s that the service asked for", i+2, at.Sub(start))
			}
		}
		if s := wantQuiet(t, e); s.Success != 20 || s.Attempts != 21 || s.Circuit.Failures != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestTheNextRequestAfterAHoldGoesAlone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(n int) error {
			if n <= 2 {
				return rateLimit(5 * time.Second)
			}
			time.Sleep(10 * time.Millisecond)
			return nil
		})
		e, _ := build(steady(), f)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat()); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		start := f.calls[0]
		// One refused, one refused alone after 5 s, one alone after 10 s, then the rest.
		if got := f.calls[1].Sub(start); got != 5*time.Second {
			t.Errorf("the first trial began after %v, want 5s", got)
		}
		if got := f.calls[2].Sub(start); got != 10*time.Second {
			t.Errorf("the second trial began after %v, want 10s", got)
		}
		if got := f.calls[3].Sub(f.calls[2]); got != 10*time.Millisecond {
			t.Errorf("the others began %v after the second trial, want them to wait for it", got)
		}
		wantQuiet(t, e)
	})
}

func TestARateLimitOfAKeyThatTheRequestBroughtHoldsOnlyThatRequest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fake{}
		var refused atomic.Bool
		f.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			if !req.Credential.IsZero() && !refused.Swap(true) {
				return nil, rateLimit(20 * time.Second)
			}
			return good(), nil
		}
		e, _ := build(steady(), f)
		var wg sync.WaitGroup
		start := time.Now()
		wg.Go(func() {
			own := chat()
			own.Credential = provider.NewSecret("mine")
			if _, _, err := e.Call(t.Context(), own); err != nil || time.Since(start) != 20*time.Second {
				t.Errorf("its own request: %v after %v, want success after 20s", err, time.Since(start))
			}
		})
		time.Sleep(time.Second)
		if _, _, err := e.Call(t.Context(), chat()); err != nil || time.Since(start) != time.Second {
			t.Errorf("another request: %v after %v, want it at once", err, time.Since(start))
		}
		wg.Wait()
		wantQuiet(t, e)
	})
}

func TestARequestWithItsOwnKeyPassesTheHoldOfTheEndpointsKey(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), script(func(int) error { return nil }))
		e.queue.Hold(time.Now().Add(30 * time.Second))
		start := time.Now()
		own := chat()
		own.Credential = provider.NewSecret("mine")
		if _, _, err := e.Call(t.Context(), own); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v, want success at once", err, time.Since(start))
		}
	})
}

func TestACrashOfThePluginDoesNotEndAHold(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fake{}
		f.call = func(context.Context, *provider.Request) (*provider.Response, error) {
			if f.count() == 1 {
				return nil, &provider.Error{Code: provider.CodePluginUnavailable}
			}
			time.Sleep(200 * time.Millisecond)
			return good(), nil
		}
		e, _ := build(steady(), f)
		e.queue.Hold(time.Now().Add(5 * time.Second))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if gap := f.calls[2].Sub(f.calls[1]); gap != 200*time.Millisecond {
			t.Errorf("the third call came %v after the second, want it to wait for that trial's answer", gap)
		}
	})
}

func TestRetriesOfAnOutageStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Breaker.Enabled = false
		f := script(func(int) error { return upstreamError() })
		e, _ := build(policy, f)
		for range 200 {
			_, _, err := e.Call(t.Context(), chat())
			wantCode(t, err, provider.CodeUpstream)
		}
		if n := f.count(); n > 230 || n < 225 {
			t.Errorf("%d attempts for 200 requests, want just under 1.1 x 200 + 10", n)
		}
	})
}

func TestRetriesThatSucceedCostNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(n int) error {
			if n%2 == 1 {
				return upstreamError()
			}
			return nil
		})
		policy := steady()
		policy.Breaker.Enabled, policy.Retry.Budget = false, 0.001
		e, _ := build(policy, f)
		for range 100 {
			if _, _, err := e.Call(t.Context(), chat()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestARetryIsNotRefusedByAQueueThatHasFilledUp(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent, policy.Queue.Size, policy.Queue.MaxBytes = 1, 1, 20
		f := &fake{}
		f.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			if f.count() == 1 {
				return nil, upstreamError()
			}
			time.Sleep(3 * time.Second)
			return good(), nil
		}
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat()); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		if s := e.Stats(); s.Queued != 1 || s.QueuedBytes != 15 {
			t.Errorf("%d requests with %d bytes wait, want 1 with 15", s.Queued, s.QueuedBytes)
		}
		_, _, err := e.Call(t.Context(), chat())
		wantCode(t, err, provider.CodeQueueFull)
		wg.Wait()
		wantQuiet(t, e)
	})
}

func TestARetryAfterThatIsTooLongFailsAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Timeout = 0
		f := script(func(n int) error {
			if n == 1 {
				return rateLimit(10 * time.Minute)
			}
			return nil
		})
		e, _ := build(policy, f)
		start := time.Now()
		_, _, err := e.Call(t.Context(), chat())
		got := wantCode(t, err, provider.CodeRateLimit)
		if time.Since(start) != 0 || got.RetryAfter != 10*time.Minute || !strings.Contains(got.Message, "wait 10m, which is more than retry_after_max of 2m") {
			t.Errorf("%v with %v after %v", got, got.RetryAfter, time.Since(start))
		}
		// The endpoint is held, but no longer than retry_after_max.
		if _, _, err := e.Call(t.Context(), chat()); err != nil || time.Since(start) != 2*time.Minute {
			t.Errorf("the next request: %v after %v, want success after 2m", err, time.Since(start))
		}
	})
}

func TestARequestThatCannotOutwaitTheHoldIsToldAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(int) error { return rateLimit(90 * time.Second) })
		e, _ := build(steady(), f)
		start := time.Now()
		for range 2 {
			_, _, err := e.Call(t.Context(), chat())
			if got := wantCode(t, err, provider.CodeRateLimit); got.RetryAfter != 90*time.Second {
				t.Errorf("RetryAfter %v", got.RetryAfter)
			}
		}
		if time.Since(start) != 0 || f.count() != 1 {
			t.Errorf("%d calls and %v, want one and no wait", f.count(), time.Since(start))
		}
	})
}

func TestTheSlotIsFreeWhileARequestPauses(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent = 1
		f := script(func(n int) error {
			if n == 1 {
				return upstreamError()
			}
			return nil
		})
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := e.Call(t.Context(), chat()); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		if s := e.Stats(); s.InFlight != 0 {
			t.Errorf("%d slots are taken during the pause", s.InFlight)
		}
		_, report, err := e.Call(t.Context(), chat())
		if err != nil || report.QueueWait != 0 {
			t.Errorf("another request waited %v: %v", report.QueueWait, err)
		}
		wg.Wait()
	})
}

func TestARetryGoesAheadOfLaterArrivals(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent = 1
		f := &fake{}
		var order []string
		f.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			order = append(order, fmt.Sprintf("%s/%d", req.RequestID, req.Attempt))
			if req.RequestID == "a" && req.Attempt == 1 {
				return nil, upstreamError()
			}
			time.Sleep(3 * time.Second)
			return good(), nil
		}
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		for _, id := range []string{"a", "b", "c", "d"} {
			wg.Go(func() {
				req := chat()
				req.RequestID = id
				if _, _, err := e.Call(t.Context(), req); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		if want := []string{"a/1", "b/1", "a/2", "c/1", "d/1"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

func TestAnOpenCircuitRefusesWithoutWaitingForASlot(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Max, policy.Queue.MaxConcurrent = 0, 1
		f := script(func(n int) error { return upstreamError() })
		e, _ := build(policy, f)
		for range 10 {
			_, _, err := e.Call(t.Context(), chat())
			wantCode(t, err, provider.CodeUpstream)
		}
		_, report, err := e.Call(t.Context(), chat())
		got := wantCode(t, err, provider.CodeCircuitOpen)
		if got.RetryAfter < 4*time.Second || report.Attempts != 0 || f.count() != 10 {
			t.Errorf("%v with %v after %d calls", got, got.RetryAfter, f.count())
		}
		s := wantQuiet(t, e)
		if s.Circuit.State != status.CircuitOpen || s.ErrorsByCode[provider.CodeCircuitOpen] != 1 {
			t.Errorf("stats %+v", s)
		}
		time.Sleep(got.RetryAfter)
		f.call = func(context.Context, *provider.Request) (*provider.Response, error) { return good(), nil }
		if _, _, err := e.Call(t.Context(), chat()); err != nil {
			t.Errorf("the probe: %v", err)
		}
		if s := e.Stats(); s.Circuit.State != status.CircuitClosed {
			t.Errorf("state %s, want closed", s.Circuit.State)
		}
	})
}

func TestARequestWhoseFailureOpensTheCircuitIsToldTheFailure(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Breaker.ConsecutiveFailures = 2
		f := script(func(int) error { return upstreamError() })
		e, _ := build(policy, f)
		start := time.Now()
		_, report, err := e.Call(t.Context(), chat())
		wantCode(t, err, provider.CodeUpstream)
		if report.Attempts != 2 || time.Since(start) != time.Second {
			t.Errorf("%d attempts in %v, want 2 in 1s: the third would have been refused", report.Attempts, time.Since(start))
		}
	})
}

func TestQueuedRequestsAreRefusedWhenTheCircuitOpens(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Max, policy.Queue.MaxConcurrent, policy.Breaker.ConsecutiveFailures = 0, 1, 1
		f := &fake{}
		f.call = func(context.Context, *provider.Request) (*provider.Response, error) {
			time.Sleep(time.Second)
			return nil, upstreamError()
		}
		e, _ := build(policy, f)
		var open atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, _, err := e.Call(t.Context(), chat())
				if provider.AsError(err).Code == provider.CodeCircuitOpen {
					open.Add(1)
				}
			})
		}
		wg.Wait()
		if open.Load() != 9 || f.count() != 1 {
			t.Errorf("%d refused and %d calls, want 9 and 1", open.Load(), f.count())
		}
		wantQuiet(t, e)
	})
}

func TestACrashOfThePluginIsRepeatedAndNotCounted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent = 50
		crash := &provider.Error{Code: provider.CodePluginUnavailable, Message: "the process is gone", Source: provider.SourceHost}
		f := script(func(n int) error {
			if n <= 50 {
				return crash
			}
			return nil
		})
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		for range 50 { // more than the retry budget
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if s := wantQuiet(t, e); s.Success != 50 || s.Circuit.Failures != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestAPanicInTheBackendLeaksNothing(t *testing.T) {
	t.Parallel()
	policy := steady()
	policy.Queue.MaxConcurrent = 1
	f := &fake{call: func(context.Context, *provider.Request) (*provider.Response, error) { panic("boom") }}
	e, _ := build(policy, f)
	for range 3 {
		_, _, err := e.Call(t.Context(), chat())
		got := wantCode(t, err, provider.CodeInternal)
		if got.Source != provider.SourceHost || !strings.Contains(got.Message, `provider "fake": boom`) || !strings.Contains(got.Cause.Error(), "call_test.go") {
			t.Errorf("%v caused by %v", got, got.Cause)
		}
	}
	wantQuiet(t, e)
}

func TestABackendThatAnswersNothingIsAnError(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Max = 0
		f := &fake{call: func(context.Context, *provider.Request) (*provider.Response, error) { return nil, nil }}
		e, _ := build(policy, f)
		_, _, err := e.Call(t.Context(), chat())
		wantCode(t, err, provider.CodeProtocol)
		f.call = func(context.Context, *provider.Request) (*provider.Response, error) { return nil, errors.New("plain") }
		_, _, err = e.Call(t.Context(), chat())
		wantCode(t, err, provider.CodeInternal)
		f.call = func(context.Context, *provider.Request) (*provider.Response, error) { return nil, context.Canceled }
		_, _, err = e.Call(t.Context(), chat())
		wantCode(t, err, provider.CodeInternal)
		wantQuiet(t, e)
	})
}

func TestReconfigureAppliesToLaterRequests(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fake{call: work(10 * time.Second)}
		policy := steady()
		policy.Queue.MaxConcurrent = 1
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat()); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		policy.Queue.MaxConcurrent, policy.Queue.Size, policy.Timeout = 3, 0, 5*time.Second
		policy.Stats.Recent = false
		e.Reconfigure(policy, "other", 5)
		time.Sleep(time.Second)
		if s := e.Stats(); s.InFlight != 3 || s.Queued != 0 {
			t.Errorf("%d run and %d wait, want the larger queue to serve all", s.InFlight, s.Queued)
		}
		_, _, err := e.Call(t.Context(), chat())
		wantCode(t, err, provider.CodeQueueFull)
		wg.Wait() // the old timeout of 60 s still holds for them
		var revision uint64
		f.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			revision = req.Revision
			return good(), nil
		}
		_, report, err := e.Call(t.Context(), &provider.Request{Operation: "chat"})
		if err != nil || revision != 5 || report.Model != "other" {
			t.Errorf("revision %d, model %q, %v", revision, report.Model, err)
		}
		if s := wantQuiet(t, e); s.Success != 4 || len(e.Recent(0)) != 0 {
			t.Errorf("stats %+v were not kept", s)
		}
	})
}

func TestResetStatsStartsAnew(t *testing.T) {
	t.Parallel()
	e, _ := build(steady(), script(func(int) error { return nil }))
	if _, _, err := e.Call(t.Context(), chat()); err != nil {
		t.Fatal(err)
	}
	e.ResetStats()
	if s := e.Stats(); s.Requests != 0 || s.Tokens.Total != 0 || s.Latency.Count != 0 || len(e.Recent(0)) != 0 {
		t.Errorf("stats %+v", s)
	}
}
