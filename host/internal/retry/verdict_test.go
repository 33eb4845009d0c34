package retry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func asks(code provider.Code, d time.Duration) *provider.Error {
	return &provider.Error{Code: code, RetryAfter: d}
}

func TestVerdictsSayWhyAndByWhichNumbers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		off := defaults()
		off.Max = 0
		in := func(d time.Duration) time.Time { return time.Now().Add(d) }
		for _, c := range []struct {
			cfg    config.Retry
			f      Failure
			repeat bool
			delay  time.Duration
			why    string
		}{
			{defaults(), Failure{Err: upstream(), Attempt: 1}, true, time.Second, "repeated after the 1s: retry 1 of 3"},
			{defaults(), Failure{Err: upstream(), Attempt: 3}, true, 4 * time.Second, "repeated after the 4s: retry 3 of 3"},
			{defaults(), Failure{Err: asks(provider.CodeRateLimit, 7*time.Second), Attempt: 1}, true, 7 * time.Second,
				"repeated after the 7s that the service asked for: retry 1 of 3"},
			{defaults(), Failure{Err: asks(provider.CodeUpstream, time.Second), Attempt: 2}, true, 2 * time.Second,
				"repeated after the 2s: retry 2 of 3"},
			{defaults(), Failure{Err: upstream(), Attempt: 4}, false, 0, "not repeated: it was retry 3 of 3"},
			{off, Failure{Err: upstream(), Attempt: 1}, false, 0, "not repeated: retries are turned off"},
			{defaults(), Failure{Err: asks(provider.CodeRateLimit, 121*time.Second), Attempt: 1}, false, 0,
				"not repeated: the service asks to wait 2m1s, which is more than retry_after_max of 2m"},
			{defaults(), Failure{Err: upstream(), Attempt: 1, Blocked: 5 * time.Second}, false, 0,
				"not repeated: attempts are refused for another 5s, and the pause is 1.25s at most"},
			{defaults(), Failure{Err: upstream(), Attempt: 1, Blocked: 1250 * time.Millisecond}, true, time.Second,
				"repeated after the 1s: retry 1 of 3"},
			{defaults(), Failure{Err: upstream(), Attempt: 1, Deadline: in(800 * time.Millisecond)}, false, 0,
				"not repeated: the request has 800ms left, and the pause can take 1.25s"},
			{defaults(), Failure{Err: upstream(), Attempt: 1, Deadline: in(-time.Second)}, false, 0,
				"not repeated: the request has 0s left, and the pause can take 1.25s"},
			{defaults(), Failure{Err: asks(provider.CodeAuth, 0), Attempt: 1}, false, 0, "not repeated: another attempt would use the same key"},
			{defaults(), Failure{Err: asks(provider.CodeCanceled, 0), Attempt: 1}, false, 0, "not repeated: the caller has left"},
			{defaults(), Failure{Err: asks(provider.CodeQueueFull, 0), Attempt: 1}, false, 0, "not repeated: the endpoint itself refused the request"},
			{defaults(), Failure{Err: asks(provider.CodeUnsupported, 0), Attempt: 1}, false, 0, "not repeated: the operation is not offered"},
			{defaults(), Failure{Err: asks(provider.CodeInvalidRequest, 0), Attempt: 1}, false, 0,
				"not repeated: an error of class invalid_request does not pass by itself"},
			{defaults(), Failure{Err: &provider.Error{Code: provider.CodeUpstream, Retry: provider.RetryNever}, Attempt: 1}, false, 0,
				"not repeated: the service said that it is of no use"},
			{defaults(), Failure{Err: upstream(), Attempt: 1, Unsafe: true}, false, 0,
				"not repeated: doing the operation twice can do harm, and it may have reached the service"},
			{defaults(), Failure{Err: asks(provider.CodePluginUnavailable, 0), Attempt: 2, Crashes: 2}, false, 0,
				"not repeated: the plugin's process has ended twice under this request"},
		} {
			v := New(c.cfg, nil).Next(c.f)
			if v.Repeat != c.repeat || v.Delay != c.delay || v.Why != c.why || v.Err == nil {
				t.Errorf("%s: %+v, want %q after %v", c.f.Err.Code, v, c.why, c.delay)
			}
		}
	})
}

func TestAnEmptyBudgetIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(defaults(), nil)
		for range BudgetCap {
			p.Next(Failure{Err: upstream(), Attempt: 1})
		}
		time.Sleep(4 * time.Second)
		v := p.Next(Failure{Err: upstream(), Attempt: 1})
		if want := "not repeated: the retry budget has 0.4 of 10 tokens left, and a retry takes one"; v.Repeat || v.Why != want {
			t.Errorf("%+v, want %q", v, want)
		}
	})
}

func TestWhatIsNotRepeatedCostsNothing(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	for _, f := range []Failure{
		{Err: upstream(), Attempt: 4},
		{Err: asks(provider.CodeAuth, 0), Attempt: 1},
		{Err: asks(provider.CodeRateLimit, time.Hour), Attempt: 1},
		{Err: upstream(), Attempt: 1, Blocked: time.Hour},
		{Err: upstream(), Attempt: 1, Deadline: time.Now()},
		{Err: upstream(), Attempt: 1, Unsafe: true},
	} {
		if v := p.Next(f); v.Repeat {
			t.Errorf("repeated: %+v", v)
		}
	}
	if got := p.Budget().Tokens(); got != BudgetCap {
		t.Errorf("%v tokens, want %d", got, BudgetCap)
	}
}

func TestACrashIsRepeatedOnceAndAProcessThatIsNotThereAsOftenAsOthers(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	crash, absent := asks(provider.CodePluginUnavailable, 0), asks(provider.CodePluginUnavailable, time.Second)
	for crashes, want := range []bool{true, true, false, false} {
		if v := p.Next(Failure{Err: crash, Attempt: 1, Crashes: crashes}); v.Repeat != want {
			t.Errorf("crash %d: repeat %v, want %v", crashes, v.Repeat, want)
		}
	}
	if v := p.Next(Failure{Err: absent, Attempt: 3, Crashes: 2}); !v.Repeat {
		t.Errorf("a process that starts again in a second: %s", v.Why)
	}
}

// The pause that the service asked for is kept in full: the chain waits until
// both the schedule and Verdict.Delay are over. Here the chain is a sleep.
func TestRetryAfterIsNeverUndercut(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	synctest.Test(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Budget = 0
		p := New(cfg, nil)
		under := 0
		for i := range n {
			asked := time.Duration(i%4000) * time.Millisecond
			var failed time.Time
			err := p.Run(t.Context(), func(attempt int) (bool, error) {
				if attempt == 2 {
					time.Sleep(time.Until(failed.Add(asked)))
					if time.Since(failed) < max(asked, 750*time.Millisecond) {
						under++
					}
					return false, nil
				}
				failed = time.Now()
				v := p.Next(Failure{Err: asks(provider.CodeUpstream, asked), Attempt: attempt})
				if v.Delay < asked || v.Delay < time.Second {
					under++
				}
				return v.Repeat, v.Err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if under != 0 {
			t.Errorf("%d of %d pauses were shorter than what the service asked for", under, n)
		}
	})
}

// deaf is a context that ends without waking anybody up, as if its end and that
// of a pause came at the same moment and the pause's was looked at first.
type deaf struct{ context.Context }

func (deaf) Done() <-chan struct{} { return nil }

func TestNoAttemptIsMadeAfterACancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		attempts := 0
		err := New(defaults(), nil).Run(deaf{ctx}, func(int) (bool, error) {
			attempts++
			return true, upstream()
		})
		if attempts != 1 || provider.AsError(err).Code != provider.CodeUpstream {
			t.Errorf("%d attempts and %v, want one and its error", attempts, err)
		}
	})
}
