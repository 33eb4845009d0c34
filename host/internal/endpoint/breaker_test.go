package endpoint

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAnOpenCircuitRefusesWithoutWaitingForASlot(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Max, policy.Queue.MaxConcurrent = 0, 1
		f := script(func(n int) error { return upstreamError() })
		e, _ := build(policy, f)
		for range 10 {
			_, _, err := e.Call(t.Context(), chat(), How{})
			wantCode(t, err, provider.CodeUpstream)
		}
		_, report, err := e.Call(t.Context(), chat(), How{})
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
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
			t.Errorf("the probe: %v", err)
		}
		if s := e.Stats(); s.Circuit.State != status.CircuitClosed {
			t.Errorf("state %s, want closed", s.Circuit.State)
		}
	})
}

func TestARequestThatMeetsAnOpenCircuitAfterAPauseIsToldItsOwnFailureToo(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Breaker.ConsecutiveFailures = 2
		e, _ := build(policy, script(func(int) error { return upstreamError() }))
		first := make(chan error, 1)
		go func() {
			_, _, err := e.Call(t.Context(), chat(), How{})
			first <- err
		}()
		time.Sleep(500 * time.Millisecond)
		_, _, err := e.Call(t.Context(), chat(), How{}) // opens the circuit while the first pauses
		wantCode(t, err, provider.CodeUpstream)
		got := wantCode(t, <-first, provider.CodeCircuitOpen)
		if want := "; the request's last attempt failed: " + upstreamError().Message; !strings.HasSuffix(got.Message, want) || got.RetryAfter == 0 {
			t.Errorf("%q with %v, want the end %q", got.Message, got.RetryAfter, want)
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
		_, report, err := e.Call(t.Context(), chat(), How{})
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
				_, _, err := e.Call(t.Context(), chat(), How{})
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

// A probe that says nothing about the service gives its permit back at once.
func TestAProbeWithoutAnOutcomeMakesRoomForTheNext(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), script(func(n int) error {
			if n == 1 {
				return &provider.Error{Code: provider.CodeInvalidRequest}
			}
			return nil
		}))
		e.OpenCircuit("a test", time.Second)
		time.Sleep(time.Second)
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeInvalidRequest)
		_, report, err := e.Call(t.Context(), chat(), How{})
		if err != nil || len(report.Tries) != 1 || report.Tries[0].Permit != status.CircuitHalfOpen {
			t.Errorf("the next: %v, %+v", err, report.Tries)
		}
	})
}
