package endpoint

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestConfiguredRatesAreKept(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := alone()
		policy.Timeout = 0
		policy.Limits.RequestsPerMinute = 60
		f := script(func(int) error { return nil })
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		for range 90 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Minute)
		if n := f.count(); n < 55 || n > 66 {
			t.Errorf("%d calls in the first minute, want 60", n)
		}
		wg.Wait()
		if s := wantQuiet(t, e); s.Success != 90 {
			t.Errorf("%d of 90 succeeded", s.Success)
		}
	})
}

// Limits that come with an answer or with an error are mirrored from then on.
func TestAnnouncedLimitsAreKeptOnceTheyAreKnown(t *testing.T) {
	t.Parallel()
	used := []provider.RateLimit{{Meter: "requests", Limit: 60, Remaining: 0, Reset: time.Minute}}
	for name, first := range map[string]func() (*provider.Response, error){
		"answer": func() (*provider.Response, error) {
			return &provider.Response{Meta: provider.Meta{RateLimits: used}}, nil
		},
		"error": func() (*provider.Response, error) {
			return nil, &provider.Error{Code: provider.CodeInvalidRequest, RateLimits: used}
		},
	} {
		bubble(t, func(t *testing.T) {
			e, f := firstThenGood(first)
			_, _, _ = e.Call(t.Context(), chat(), How{})
			if limits := e.Explain().Limits; len(limits) != 1 || limits[0].Source != "headers" || limits[0].Limit != 60 {
				t.Errorf("%s: %+v", name, limits)
			}
			start := time.Now()
			own := chat()
			own.Credential = provider.NewSecret("k")
			if _, _, err := e.Call(t.Context(), own, How{}); err != nil || time.Since(start) != 0 {
				t.Errorf("%s: a key of its own waited %s, %v", name, time.Since(start), err)
			}
			if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil || time.Since(start) < time.Second {
				t.Errorf("%s: the next was sent after %s, %v", name, time.Since(start), err)
			}
			if f.count() != 3 {
				t.Errorf("%s: %d calls", name, f.count())
			}
			wantQuiet(t, e)
		})
	}
}

// firstThenGood is an endpoint whose first call ends as first says.
func firstThenGood(first func() (*provider.Response, error)) (*Endpoint, *fake) {
	f := script(func(int) error { return nil })
	good := f.call
	f.call = nil
	e, _ := build(alone(), f)
	f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
		if f.count() == 1 {
			return first()
		}
		return good(ctx, req)
	}
	return e, f
}

// Tokens are booked by an estimate, and what was not used is there for the next.
func TestTokensAreSettledByWhatWasUsed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := alone()
		policy.Limits.TokensPerMinute = 60_000      // 6000 at once
		f := script(func(int) error { return nil }) // uses 7
		e, _ := build(policy, f)
		big := chat()
		big.Body = []byte(`{"max_tokens": 5000, "messages": []}`)
		start := time.Now()
		for range 20 {
			if _, _, err := e.Call(t.Context(), big, How{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("20 requests that used 7 tokens each took %s", took)
		}
		f.call = work(time.Second)
		var wg sync.WaitGroup
		for range 3 { // all at once: each is booked as 5010
			wg.Go(func() { _, _, _ = e.Call(t.Context(), big, How{}) })
		}
		time.Sleep(time.Second / 2)
		if n := e.InFlight(); n != 1 {
			t.Errorf("%d are under way, want 1", n)
		}
		wg.Wait()
	})
}

func TestTheEstimateIsTheBodyAndTheCallersBound(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int64{
		"":                    0,
		"12345":               2,
		`{"max_tokens": 100}`: 5 + 100,
		`{"max_completion_tokens":7,"max_tokens":9}`: 11 + 7,
		`{"max_output_tokens" : 3}`:                  7 + 3,
		`{"max_tokens": null}`:                       5,
		`{"max_tokens": 99999999999999999999}`:       9,
		strings.Repeat("x", 4000):                    1000,
	} {
		if got := estimate([]byte(body)); got != want {
			t.Errorf("%.40s: %d tokens, want %d", body, got, want)
		}
	}
}

func TestTheAdaptiveLimitFollowsTheService(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := alone()
		policy.Queue.MaxConcurrent, policy.Queue.Size = 10, 1000
		policy.Adapt.Enabled = true
		f := &fake{call: work(200 * time.Millisecond)}
		e, _ := build(policy, f)
		flood := func(d time.Duration) {
			var wg sync.WaitGroup
			end := time.Now().Add(d)
			for range 60 {
				wg.Go(func() {
					for time.Now().Before(end) {
						_, _, _ = e.Call(t.Context(), chat(), How{})
					}
				})
			}
			wg.Wait()
		}
		flood(20 * time.Second)
		if l := e.Explain().Adapt; l == nil || l.Limit < 20 {
			t.Errorf("a service that keeps its pace: %+v", l)
		}
		policy.Retry.Max = 1 // nothing that concerns the limit
		high := e.Explain().Adapt.Limit
		e.Reconfigure(policy, "m", 2)
		if got := e.Explain().Queue.MaxConcurrent; got != high {
			t.Errorf("reconfiguring moved the limit from %d to %d", high, got)
		}
		f.call = work(time.Second)
		flood(30 * time.Second)
		if l := e.Explain().Adapt; l.Limit > high/2 {
			t.Errorf("a service that became slow: %+v", l)
		}
		policy.Adapt.Enabled = false
		e.Reconfigure(policy, "m", 3)
		if x := e.Explain(); x.Adapt != nil || x.Queue.MaxConcurrent != 10 {
			t.Errorf("turned off: %+v, %d slots", x.Adapt, x.Queue.MaxConcurrent)
		}
	})
}

// A slot that no attempt was made with costs nothing of the rate.
func TestARequestThatIsNotSentAfterItsWaitIsNotBooked(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := alone()
		policy.Queue.MaxConcurrent = 1
		policy.Limits.RequestsPerMinute = 60 // six at once
		e, _ := build(policy, &fake{call: work(time.Millisecond)})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { _, _, _ = e.Call(t.Context(), chat(), How{}) })
		}
		synctest.Wait() // one runs, four wait
		e.OpenCircuit("for a look", time.Hour)
		wg.Wait()
		if s := wantQuiet(t, e); s.ErrorsByCode[provider.CodeCircuitOpen] != 4 {
			t.Errorf("errors %v, want four that the circuit refused", s.ErrorsByCode)
		}
		if level := e.Explain().Limits[0].Level; level < 5 || level > 5.1 {
			t.Errorf("%.2f requests are left of 6, want 5: one was sent", level)
		}
	})
}

// The queue foretells the wait for a rate, so that nobody waits in vain; where it
// refuses nobody they do.
func TestWhomARateKeepsForTooLongIsToldTheRate(t *testing.T) {
	t.Parallel()
	for want, bounded := range map[provider.Code]bool{provider.CodeQueueFull: true, provider.CodeTimeout: false} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) { keptTooLong(t, bounded, want) })
		})
	}
}

func keptTooLong(t *testing.T, bounded bool, code provider.Code) {
	policy := alone()
	policy.Queue.Enabled, policy.Queue.Overload = bounded, config.OverloadNone
	policy.Timeout = 4500 * time.Millisecond
	policy.Limits.RequestsPerMinute = 20 // two at once, then one in 3 s
	e, _ := build(policy, script(func(int) error { return nil }))
	codes := make(map[provider.Code]int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n := range 10 {
		wg.Go(func() {
			time.Sleep(time.Duration(n/5) * time.Second) // five now, five a second later
			_, _, err := e.Call(t.Context(), chat(), How{})
			if err == nil {
				return
			}
			got := provider.AsError(err)
			if want := "; the limit of 20 requests in 1m (limits) lets one go in "; !strings.Contains(got.Message, want) || got.RetryAfter <= 0 || got.RetryAfter > 10*time.Second {
				t.Errorf("%q, retry after %s", got.Message, got.RetryAfter)
			}
			mu.Lock()
			defer mu.Unlock()
			codes[got.Code]++
		})
		synctest.Wait()
	}
	wg.Wait()
	if len(codes) != 1 || codes[code] == 0 {
		t.Errorf("refused with %v, want all with %s", codes, code)
	}
}

func TestWhomARateWouldKeepForTooLongIsToldAtTheDoor(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := alone()
		policy.Timeout = 5 * time.Second
		policy.Limits.RequestsPerMinute = 6 // one at once, the next in 10 s
		e, _ := build(policy, script(func(int) error { return nil }))
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
			t.Fatal(err)
		}
		_, _, err := e.Call(t.Context(), chat(), How{})
		got := wantCode(t, err, provider.CodeQueueFull)
		if want := "; the limit of 6 requests in 1m (limits) lets one go in 10s"; !strings.HasSuffix(got.Message, want) || got.RetryAfter != 10*time.Second {
			t.Errorf("%q, retry after %s", got.Message, got.RetryAfter)
		}
	})
}
