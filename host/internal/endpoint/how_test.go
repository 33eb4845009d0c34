package endpoint

import (
	"context"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestASecondAttemptThatFindsNoSlotLeavesNoTrace(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := alone()
		policy.Queue.MaxConcurrent = 1
		e, seen := build(policy, &fake{call: work(time.Second)})
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Millisecond)
		_, report, err := e.Call(t.Context(), chat(), How{Hedge: true})
		wantCode(t, err, provider.CodeQueueFull)
		if report.Attempts != 0 {
			t.Errorf("%d attempts", report.Attempts)
		}
		<-done
		if s := wantQuiet(t, e); s.Requests != 1 || len(seen.outcomes()) != 1 || len(e.Recent(status.RequestFilter{})) != 1 {
			t.Errorf("%d requests, %d observed", s.Requests, len(seen.outcomes()))
		}
	})
}

func TestAnAttemptThatWasOutrunCountsItsTimeAndNotAgainstTheService(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), &fake{call: hang})
		for range minSamples {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(2*time.Second, func() { cancel(ErrOutrun) })
			_, report, err := e.Call(ctx, chat(), How{})
			failed := wantCode(t, err, provider.CodeCanceled)
			if failed.Source != provider.SourceHost || failed.Message != ErrOutrun.Error() || report.Attempts != 1 {
				t.Fatalf("got %v from %s after %d attempts", failed, failed.Source, report.Attempts)
			}
		}
		s := wantQuiet(t, e)
		if s.Circuit.Failures != 0 || s.Canceled != minSamples || s.Errors != 0 {
			t.Errorf("got %+v", s)
		}
		if d, ok := e.AnswerTime(0.5); !ok || d < 2*time.Second || e.Latency() < time.Second {
			t.Errorf("the times do not show it: %v, %v", d, e.Latency())
		}
	})
}

func TestARequestBringsTheTimeThatItSpentElsewhere(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := alone()
		policy.Timeout = 10 * time.Second
		e, _ := build(policy, &fake{call: hang})
		start := time.Now()
		_, _, err := e.Call(t.Context(), chat(), How{Elapsed: 7 * time.Second})
		wantCode(t, err, provider.CodeTimeout)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v of the 3s that were left", took)
		}
		start = time.Now()
		_, report, err := e.Call(t.Context(), chat(), How{Elapsed: 11 * time.Second})
		wantCode(t, err, provider.CodeTimeout)
		if time.Since(start) != 0 || report.Attempts != 0 {
			t.Errorf("without time left it made %d attempts in %v", report.Attempts, time.Since(start))
		}
	})
}

func TestARateLimitIsNotWaitedOutIfAnotherEndpointCanAnswer(t *testing.T) {
	t.Parallel()
	for _, elsewhere := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			e, _ := build(steady(), script(func(n int) error {
				if n == 1 {
					return rateLimit(5 * time.Second)
				}
				return nil
			}))
			start := time.Now()
			_, report, err := e.Call(t.Context(), chat(), How{Elsewhere: elsewhere})
			switch took := time.Since(start); {
			case elsewhere && (took != 0 || report.Attempts != 1 || wantCode(t, err, provider.CodeRateLimit) == nil):
				t.Errorf("it took %v and %d attempts", took, report.Attempts)
			case !elsewhere && (took < 5*time.Second || err != nil):
				t.Errorf("alone it took %v: %v", took, err)
			}
		})
	}
}

func TestWhoWantsToKnowIsToldWhenAnAttemptRuns(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), script(func(n int) error {
			if n == 1 {
				return upstreamError()
			}
			return nil
		}))
		var told []bool
		if _, _, err := e.Call(t.Context(), chat(), How{Running: func(yes bool) { told = append(told, yes) }}); err != nil {
			t.Fatal(err)
		}
		if len(told) != 3 || !told[0] || told[1] || !told[2] {
			t.Errorf("told %v, want that one began, failed, and another began", told)
		}
	})
}
