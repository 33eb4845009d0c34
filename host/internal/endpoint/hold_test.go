package endpoint

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

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
			if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
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
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
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
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
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
			if _, _, err := e.Call(t.Context(), own, How{}); err != nil || time.Since(start) != 20*time.Second {
				t.Errorf("its own request: %v after %v, want success after 20s", err, time.Since(start))
			}
		})
		time.Sleep(time.Second)
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil || time.Since(start) != time.Second {
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
		e.queue.Hold(time.Now().Add(30*time.Second), nil)
		start := time.Now()
		own := chat()
		own.Credential = provider.NewSecret("mine")
		if _, _, err := e.Call(t.Context(), own, How{}); err != nil || time.Since(start) != 0 {
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
		e.queue.Hold(time.Now().Add(5*time.Second), nil)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
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
		_, _, err := e.Call(t.Context(), chat(), How{})
		got := wantCode(t, err, provider.CodeRateLimit)
		if time.Since(start) != 0 || got.RetryAfter != 10*time.Minute || !strings.Contains(got.Message, "wait 10m, which is more than retry_after_max of 2m") {
			t.Errorf("%v with %v after %v", got, got.RetryAfter, time.Since(start))
		}
		// The endpoint is held, but no longer than retry_after_max.
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil || time.Since(start) != 2*time.Minute {
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
			_, _, err := e.Call(t.Context(), chat(), How{})
			if got := wantCode(t, err, provider.CodeRateLimit); got.RetryAfter != 90*time.Second {
				t.Errorf("RetryAfter %v", got.RetryAfter)
			}
		}
		if time.Since(start) != 0 || f.count() != 1 {
			t.Errorf("%d calls and %v, want one and no wait", f.count(), time.Since(start))
		}
	})
}

// A plugin that restarts is no rate limit of the service.
func TestWhoCannotWaitForAPluginHearsOfThePlugin(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		down := &provider.Error{
			Code: provider.CodePluginUnavailable, Source: provider.SourceHost, RetryAfter: 90 * time.Second,
			Message: `provider "fake" is waiting 1m30s to start again: the process ended: exit status 2`,
		}
		e, _ := build(steady(), script(func(int) error { return down }))
		for n := range 3 {
			_, _, err := e.Call(t.Context(), chat(), How{})
			got := wantCode(t, err, provider.CodePluginUnavailable)
			if !strings.Contains(got.Message, "exit status 2") || got.RetryAfter < time.Minute {
				t.Errorf("request %d: %q, retry after %v", n, got.Message, got.RetryAfter)
			}
			time.Sleep(time.Second)
		}
		wantQuiet(t, e)
	})
}
