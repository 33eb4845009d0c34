package endpoint

import (
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func broke() *provider.Error {
	return &provider.Error{Code: provider.CodeQuota, StatusCode: 429, Message: "you exceeded your current quota", Source: provider.SourceUpstream}
}

func TestAKeyWithoutMoneyRests(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(n int) error {
			if n == 1 {
				return broke()
			}
			return nil
		})
		e, _ := build(steady(), f)
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeQuota)
		time.Sleep(18 * time.Second)

		_, report, err := e.Call(t.Context(), chat(), How{})
		got := wantCode(t, err, provider.CodeQuota)
		want := "the endpoint's key is not used for another 42s (quota_cooldown), since the service said: you exceeded your current quota"
		if got.Message != want || got.RetryAfter != 42*time.Second || got.Source != provider.SourceHost || report.Attempts != 0 || f.count() != 1 {
			t.Errorf("%q of %s, back in %s; %d calls", got.Message, got.Source, got.RetryAfter, f.count())
		}
		if x := e.Explain(); x.Key == nil || x.Verdict != "refused: its key rests for another 42s, since the service said: you exceeded your current quota" || e.Available() {
			t.Errorf("explained as %q, %+v", x.Verdict, x.Key)
		}
		own := chat()
		own.Credential = provider.NewSecret("k")
		if _, _, err := e.Call(t.Context(), own, How{}); err != nil {
			t.Errorf("with a key of its own: %v", err)
		}
		time.Sleep(42 * time.Second)
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil || e.Explain().Key != nil || !e.Available() {
			t.Errorf("after the rest: %v", err)
		}
	})
}

func TestOnlyTheEndpointsOwnKeyRests(t *testing.T) {
	t.Parallel()
	e, _ := build(steady(), script(func(n int) error {
		if n == 1 {
			return broke()
		}
		return nil
	}))
	own := chat()
	own.Credential = provider.NewSecret("k")
	_, _, err := e.Call(t.Context(), own, How{})
	wantCode(t, err, provider.CodeQuota)
	if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
		t.Errorf("another's key is out of money: %v", err)
	}
}

func TestANewKeyOrAPolicyWithoutItEndsTheRest(t *testing.T) {
	t.Parallel()
	for name, mend := range map[string]func(*Endpoint){
		"key":    func(e *Endpoint) { e.SetHasKey(true) },
		"policy": func(e *Endpoint) { e.Reconfigure(steady(), "m", 2) },
	} {
		e, _ := build(steady(), script(func(n int) error {
			if n == 1 {
				return broke()
			}
			return nil
		}))
		_, _, _ = e.Call(t.Context(), chat(), How{})
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeQuota)
		mend(e)
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	policy := steady()
	policy.Limits.QuotaCooldown = 0
	f := script(func(int) error { return broke() })
	e, _ := build(policy, f)
	for range 3 {
		_, _, _ = e.Call(t.Context(), chat(), How{})
	}
	if f.count() != 3 {
		t.Errorf("%d calls without a cooldown, want 3", f.count())
	}
}

// Those who wait for a slot when the money runs out are told so, and do not ask
// once more each.
func TestWhoWaitsWhenTheMoneyRunsOutIsNotSent(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent = 1
		f := script(func(int) error {
			time.Sleep(time.Second)
			return broke()
		})
		e, _ := build(policy, f)
		done := make(chan error)
		for range 5 {
			go func() {
				_, _, err := e.Call(t.Context(), chat(), How{})
				done <- err
			}()
		}
		for range 5 {
			wantCode(t, <-done, provider.CodeQuota)
		}
		if wantQuiet(t, e); f.count() != 1 {
			t.Errorf("%d calls, want 1", f.count())
		}
	})
}

func TestAKeyRestsForAsLongAsTheServiceAsks(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(alone(), script(func(int) error {
			err := broke()
			err.RetryAfter = 5 * time.Minute
			return err
		}))
		_, _, _ = e.Call(t.Context(), chat(), How{})
		time.Sleep(4 * time.Minute)
		_, _, err := e.Call(t.Context(), chat(), How{})
		if got := wantCode(t, err, provider.CodeQuota); got.RetryAfter != time.Minute {
			t.Errorf("back in %s, want 1m", got.RetryAfter)
		}
	})
}

func TestAKeyIsTriedAgainWithinAnHour(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(int) error {
			err := broke()
			err.RetryAfter = 30 * 24 * time.Hour
			return err
		})
		e, _ := build(steady(), f)
		for _, wait := range []time.Duration{0, time.Hour - 1, 1} {
			time.Sleep(wait)
			_, _, err := e.Call(t.Context(), chat(), How{})
			wantCode(t, err, provider.CodeQuota)
		}
		if f.count() != 2 {
			t.Errorf("%d calls in an hour, want the first and one at its end", f.count())
		}
	})
}
