package endpoint

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

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
		_, report, err := e.Call(t.Context(), chat(), How{})
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
		_, report, err := e.Call(t.Context(), chat(), How{})
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
			_, _, err := e.Call(t.Context(), chat(), How{})
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
		_, _, err := e.Call(t.Context(), &provider.Request{Operation: "files.upload"}, How{})
		wantCode(t, err, code)
		if f.count() != 1 {
			t.Errorf("%s: %d attempts, want 1", code, f.count())
		}
	}
}

func TestRetriesOfAnOutageStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Breaker.Enabled = false
		policy.Retry.InitialDelay = time.Millisecond // time, too, fills the budget up
		f := script(func(int) error { return upstreamError() })
		e, _ := build(policy, f)
		for range 200 {
			_, _, err := e.Call(t.Context(), chat(), How{})
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
			if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
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
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		if s := e.Stats(); s.Queued != 1 || s.QueuedBytes != 15 {
			t.Errorf("%d requests with %d bytes wait, want 1 with 15", s.Queued, s.QueuedBytes)
		}
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeQueueFull)
		wg.Wait()
		wantQuiet(t, e)
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
			if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		if s := e.Stats(); s.InFlight != 0 {
			t.Errorf("%d slots are taken during the pause", s.InFlight)
		}
		_, report, err := e.Call(t.Context(), chat(), How{})
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
				if _, _, err := e.Call(t.Context(), req, How{}); err != nil {
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
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
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
