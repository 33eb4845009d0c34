package retry

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func defaults() config.Retry { return config.DefaultPolicy().Retry }

func upstream() *provider.Error { return provider.Errorf(provider.CodeUpstream, "it broke") }

func TestTheScheduleGrowsByTheFactorUpToTheCap(t *testing.T) {
	t.Parallel()
	s := time.Second
	for _, c := range []struct {
		name string
		cfg  config.Retry
		want []time.Duration
	}{
		{"defaults", defaults(), []time.Duration{1 * s, 2 * s, 4 * s}},
		{"none", config.Retry{Max: 0, InitialDelay: s}, []time.Duration{}},
		{"factor", config.Retry{Max: 4, InitialDelay: 100 * time.Millisecond, Factor: 3, MaxDelay: 2 * s},
			[]time.Duration{s / 10, 3 * s / 10, 9 * s / 10, 2 * s}},
		{"constant", config.Retry{Max: 3, InitialDelay: s, Factor: 1}, []time.Duration{s, s, s}},
		{"never zero", config.Retry{Max: 2}, []time.Duration{time.Millisecond, time.Millisecond}},
		{"cap below the first delay", config.Retry{Max: 2, InitialDelay: 9 * s, MaxDelay: 2 * s}, []time.Duration{2 * s, 2 * s}},
	} {
		if got := schedule(c.cfg); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestALongScheduleDoesNotOverflow(t *testing.T) {
	t.Parallel()
	for i, d := range schedule(config.Retry{Max: 1000, InitialDelay: time.Second, Factor: 10}) {
		if d <= 0 || d > maxDelay {
			t.Fatalf("delay %d is %v", i, d)
		}
	}
}

// run makes attempts that all fail with err, and returns the pauses between them.
func run(ctx context.Context, p *Policy, err *provider.Error, deadline time.Time) ([]time.Duration, error) {
	var gaps []time.Duration
	last := time.Now()
	p.Begin()
	got := p.Run(ctx, func(n int) (bool, error) {
		if n > 1 {
			gaps = append(gaps, time.Since(last))
		}
		last = time.Now()
		v := p.Next(Failure{Err: err, Attempt: n, Deadline: deadline})
		return v.Repeat, v.Err
	})
	return gaps, got
}

func TestAttemptsFollowTheScheduleWithinTheJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Budget = 0
		p := New(cfg, nil)
		all := make([][]time.Duration, 3)
		for range 4000 {
			gaps, err := run(t.Context(), p, upstream(), time.Time{})
			if len(gaps) != 3 || provider.AsError(err).Code != provider.CodeUpstream {
				t.Fatalf("%d retries and %v, want 3 and the last error", len(gaps), err)
			}
			for i, gap := range gaps {
				base := time.Second << i
				if gap < base*3/4 || gap > base*5/4 {
					t.Fatalf("pause %d is %v, want %v ± 25 %%", i+1, gap, base)
				}
				all[i] = append(all[i], gap)
			}
		}
		for i, gaps := range all {
			base := float64(time.Second << i)
			// Kolmogorov-Smirnov against the uniform distribution; 0.0426 is the
			// bound for 4000 values that chance passes once in a million.
			if d := distance(gaps, 0.75*base, 1.25*base); d > 0.0426 {
				t.Errorf("pauses %d are not uniform: distance %.4f", i+1, d)
			}
		}
	})
}

// distance is the largest gap between the values' distribution and the uniform
// one between low and high.
func distance(values []time.Duration, low, high float64) float64 {
	slices.Sort(values)
	var d float64
	for i, v := range values {
		want := (float64(v) - low) / (high - low)
		d = max(d, math.Abs(want-float64(i)/float64(len(values))), math.Abs(want-float64(i+1)/float64(len(values))))
	}
	return d
}

func TestOnlyWhatMaySucceedLaterIsRepeated(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	for _, code := range provider.Codes() {
		for _, hint := range []provider.RetryHint{provider.RetryUnspecified, provider.RetryAlways, provider.RetryNever} {
			err := &provider.Error{Code: code, Retry: hint}
			want := err.IsTransient()
			switch code {
			case provider.CodeAuth, provider.CodePermission, provider.CodeCanceled, provider.CodeUnsupported,
				provider.CodeQueueFull, provider.CodeCircuitOpen, provider.CodeShutdown:
				want = false // whatever the service says
			}
			if got := p.Next(Failure{Err: err, Attempt: 1}).Repeat; got != want {
				t.Errorf("%s with hint %d: repeat %v, want %v", code, hint, got, want)
			}
			p.budget = NewBudget()
		}
	}
}

func TestUnsafeOperationsAreRepeatedOnlyIfNothingWasSent(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	for _, code := range provider.Codes() {
		for _, hint := range []provider.RetryHint{provider.RetryUnspecified, provider.RetryAlways} {
			want := (code == provider.CodeUnreachable || code == provider.CodeTimeout) && hint == provider.RetryAlways
			err := &provider.Error{Code: code, Retry: hint}
			if got := p.Next(Failure{Err: err, Attempt: 1, Unsafe: true}).Repeat; got != want {
				t.Errorf("%s with hint %d: repeat %v, want %v", code, hint, got, want)
			}
		}
	}
	answered := &provider.Error{Code: provider.CodeUnreachable, Retry: provider.RetryAlways, StatusCode: 511}
	if v := p.Next(Failure{Err: answered, Attempt: 1, Unsafe: true}); v.Repeat {
		t.Error("repeated what something on the way has answered, by the word of that answer's header")
	}
}

func TestTooLongARetryAfterFailsAtOnceAndSaysTheFigure(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	asked := provider.Errorf(provider.CodeRateLimit, "slow down")
	asked.RetryAfter = 121 * time.Second
	v := p.Next(Failure{Err: asked, Attempt: 1})
	repeat, err := v.Repeat, v.Err
	want := "slow down; not repeated, since the service asks to wait 2m1s, which is more than retry_after_max of 2m"
	if repeat || err.Message != want || err.RetryAfter != asked.RetryAfter {
		t.Errorf("repeat %v, %q, want no and %q", repeat, err.Message, want)
	}
	if asked.Message != "slow down" {
		t.Error("the plugin's error was changed")
	}
	asked.RetryAfter = 120 * time.Second
	if v := p.Next(Failure{Err: asked, Attempt: 1}); !v.Repeat {
		t.Error("a wait of just retry_after_max was refused")
	}
}

func TestItDoesNotSleepPastTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cfg := defaults()
		cfg.Jitter = 0
		// Attempts at 0, 1 and 3 s; the next would be at 7 s.
		gaps, err := run(t.Context(), New(cfg, nil), upstream(), start.Add(7*time.Second))
		if len(gaps) != 2 || time.Since(start) != 3*time.Second || provider.AsError(err).Code != provider.CodeUpstream {
			t.Errorf("%d retries, %v after %v; want 2 and the last error after 3s", len(gaps), err, time.Since(start))
		}
		asked := upstream()
		asked.RetryAfter = 10 * time.Second
		if v := New(cfg, nil).Next(Failure{Err: asked, Attempt: 1, Deadline: time.Now().Add(10 * time.Second)}); v.Repeat {
			t.Error("it would wait for a Retry-After up to the deadline")
		}
	})
}

func TestTheJitterCannotCarryASleepPastTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(defaults(), nil)
		for rest, want := range map[time.Duration]bool{1250 * time.Millisecond: false, 1251 * time.Millisecond: true} {
			if got := p.Next(Failure{Err: upstream(), Attempt: 1, Deadline: time.Now().Add(rest)}).Repeat; got != want {
				t.Errorf("with %v left: repeat %v, want %v", rest, got, want)
			}
		}
	})
}

func TestItDoesNotSleepTowardsARefusal(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	if v := p.Next(Failure{Err: upstream(), Attempt: 1, Blocked: 5 * time.Second}); v.Repeat {
		t.Error("a retry after 1s was granted while attempts are refused for 5s")
	}
	if v := p.Next(Failure{Err: upstream(), Attempt: 1, Blocked: time.Second}); !v.Repeat {
		t.Error("a retry was refused although attempts are allowed again by then")
	}
}

func TestACancelEndsTheSleepWithTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		gaps, err := run(ctx, New(defaults(), nil), upstream(), time.Time{})
		if len(gaps) != 0 || time.Since(start) != 300*time.Millisecond || !strings.Contains(err.Error(), "it broke") {
			t.Errorf("%d retries, %v after %v", len(gaps), err, time.Since(start))
		}
	})
}

func TestRunStopsAtSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := New(defaults(), nil).Run(t.Context(), func(n int) (bool, error) {
			if calls++; n != calls {
				t.Errorf("attempt %d has number %d", calls, n)
			}
			if n == 2 {
				return false, nil
			}
			return true, errors.New("once")
		})
		if err != nil || calls != 2 {
			t.Errorf("%d attempts and %v, want 2 and success", calls, err)
		}
	})
}

func TestThePauseIsWhatTheServiceAskedForWithinTheMaximum(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	for _, c := range []struct {
		err  provider.Error
		want time.Duration
	}{
		{provider.Error{Code: provider.CodeRateLimit, RetryAfter: 7 * time.Second}, 7 * time.Second},
		{provider.Error{Code: provider.CodeRateLimit, RetryAfter: time.Hour}, 120 * time.Second},
		{provider.Error{Code: provider.CodeRateLimit}, time.Second},
		{provider.Error{Code: provider.CodeOverloaded}, 250 * time.Millisecond},
		{provider.Error{Code: provider.CodeOverloaded, RetryAfter: 3 * time.Second}, 3 * time.Second},
		{provider.Error{Code: provider.CodeUpstream, RetryAfter: 3 * time.Second}, 3 * time.Second},
		{provider.Error{Code: provider.CodeUpstream}, 0},
		{provider.Error{Code: provider.CodeQuota, RetryAfter: time.Hour}, 0},
		{provider.Error{Code: provider.CodeInvalidRequest}, 0},
	} {
		if got := p.Pause(&c.err); got != c.want {
			t.Errorf("%s with %v: %v, want %v", c.err.Code, c.err.RetryAfter, got, c.want)
		}
	}
}

func TestTheBudgetBoundsWhatRetriesAdd(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	attempts := 0
	const requests = 1000
	for range requests { // a total outage
		p.Begin()
		for n := 1; ; n++ {
			attempts++
			if v := p.Next(Failure{Err: upstream(), Attempt: n}); !v.Repeat {
				break
			}
		}
	}
	if limit := requests*11/10 + BudgetCap; attempts > limit || attempts < limit-5 {
		t.Errorf("%d attempts for %d requests, want just under %d", attempts, requests, limit)
	}
}

func TestPluginCrashesCostNothing(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	crash := provider.Errorf(provider.CodePluginUnavailable, "the process is gone")
	for range 100 {
		if v := p.Next(Failure{Err: crash, Attempt: 1}); !v.Repeat {
			t.Fatal("a call that a crash cut off is not repeated")
		}
		p.Refund(crash)
	}
	if got := p.Budget().Tokens(); got != BudgetCap {
		t.Errorf("%v tokens, want %v", got, BudgetCap)
	}
	p.budget.left.Store(0)
	p.Refund(crash)
	if got := p.budget.left.Load(); got != 0 {
		t.Errorf("what cost nothing gave back %d", got)
	}
}

func TestABudgetOfZeroIsNoBound(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Budget = 0
	p := New(cfg, nil)
	for range 1000 {
		if v := p.Next(Failure{Err: upstream(), Attempt: 1}); !v.Repeat {
			t.Fatal("refused")
		}
	}
}

func TestAChangeOfSettingsDoesNotFillTheBudget(t *testing.T) {
	t.Parallel()
	old := New(defaults(), nil)
	for range 4 {
		old.Next(Failure{Err: upstream(), Attempt: 1})
	}
	if got := New(defaults(), old.Budget()).Budget().Tokens(); got < BudgetCap-4 || got > BudgetCap-3.9 {
		t.Errorf("%v tokens, want %v", got, BudgetCap-4)
	}
}

// Whatever happens in whatever order, retries that failed or are under way
// never exceed the cap plus a tenth of the requests.
func TestWastedRetriesStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := New(defaults(), nil)
		var requests, open, wasted int
		for _, what := range rapid.SliceOfN(rapid.SampledFrom([]string{"request", "retry", "ok", "fail"}), 0, 500).Draw(rt, "events") {
			switch what {
			case "request":
				requests++
				p.Begin()
			case "retry":
				if v := p.Next(Failure{Err: upstream(), Attempt: 1}); v.Repeat {
					open++
				}
			case "ok":
				if open > 0 {
					open--
					p.Refund(upstream())
				}
			case "fail":
				if open > 0 {
					open--
					wasted++
				}
			}
			if limit := BudgetCap + float64(requests)/10; float64(wasted+open) > limit {
				rt.Fatalf("%d wasted and %d under way after %d requests, limit %v", wasted, open, requests, limit)
			}
		}
	})
}

func BenchmarkRunWithoutFailure(b *testing.B) {
	p := New(defaults(), nil)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		p.Begin()
		if err := p.Run(ctx, func(int) (bool, error) { return false, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
