package endpoint

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// holding is a policy whose open circuit lets requests wait; it opens on the
// first failure.
func holding() config.Policy {
	p := steady()
	p.Retry.Max = 0
	p.Queue.Overload = config.OverloadNone
	p.Breaker.WhenOpen, p.Breaker.ConsecutiveFailures = config.WhenOpenHold, 1
	p.Breaker.OpenFor, p.Breaker.MaxOpen = 5*time.Second, 5*time.Second
	return p
}

func TestAShortOutageCostsNoRequestWhereCircuitsHold(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		began := time.Now()
		f := &fake{}
		f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
			time.Sleep(100 * time.Millisecond)
			if at := time.Since(began); at > 3*time.Second && at < 11*time.Second {
				return nil, upstreamError()
			}
			return good(), nil
		}
		policy := holding()
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		var failed atomic.Uint64
		for range 150 { // ten a second, over the outage and beyond
			time.Sleep(100 * time.Millisecond)
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		s := wantQuiet(t, e)
		// Only who found the outage failed: what was in flight, and each probe.
		if failed.Load() > 5 || s.Success+failed.Load() != 150 {
			t.Errorf("%d of 150 failed, %d succeeded, in %d attempts", failed.Load(), s.Success, s.Attempts)
		}
		if s.Circuit.State != status.CircuitClosed || s.Circuit.Trips < 2 {
			t.Errorf("the circuit is %s after %d openings", s.Circuit.State, s.Circuit.Trips)
		}
	})
}

func TestWhoCannotWaitForTheProbeIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(holding(), script(func(int) error { return nil }))
		e.OpenCircuit("a test", 30*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, report, err := e.Call(ctx, chat(), How{})
		got := wantCode(t, err, provider.CodeCircuitOpen)
		if !strings.HasSuffix(got.Message, "; the request cannot wait for that long") || got.RetryAfter != 30*time.Second || time.Since(start) != 0 {
			t.Errorf("%q, back in %s, after %s", got.Message, got.RetryAfter, time.Since(start))
		}
		if len(report.Tries) != 1 || report.Tries[0].Number != 0 || report.Tries[0].Code != provider.CodeCircuitOpen {
			t.Errorf("the story is %+v", report.Tries)
		}
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("who can wait: %v after %s", err, time.Since(start))
		}
	})
}

func TestACircuitThatIsOpenUntilFurtherNoticeHoldsNobody(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(holding(), script(func(int) error { return nil }))
		e.OpenCircuit("a test", 0)
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeCircuitOpen)
	})
}

func TestRequestsThatAreHeldGoOnWhenTheCircuitIsClosedByHand(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(holding(), script(func(int) error { return nil }))
		e.OpenCircuit("a test", 30*time.Second)
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil || time.Since(start) != 7*time.Second {
					t.Errorf("%v after %s", err, time.Since(start))
				}
			})
		}
		time.Sleep(7 * time.Second)
		e.CloseCircuit("enough")
		wg.Wait()
		wantQuiet(t, e)
	})
}

// A request with a key of its own does not wait at the gate, which is about the
// endpoint's key; at an open circuit it waits by itself.
func TestARequestWithItsOwnKeyWaitsForTheProbeToo(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(holding(), script(func(int) error { return nil }))
		e.OpenCircuit("a test", 4*time.Second)
		start := time.Now()
		own := chat()
		own.Credential = provider.NewSecret("k")
		if _, _, err := e.Call(t.Context(), own, How{}); err != nil || time.Since(start) != 4*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		e.OpenCircuit("a test", 4*time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		_, _, err := e.Call(ctx, own, How{})
		wantCode(t, err, provider.CodeCanceled)
	})
}

// While a slow probe is under way, others look again each second and go nowhere.
func TestASlowProbeIsAlone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(holding(), &fake{call: work(4500 * time.Millisecond)})
		e.OpenCircuit("a test", time.Second)
		start := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(5 * time.Second)
		synctest.Wait() // one of them looks again at this very moment
		if n := e.InFlight(); n != 1 {
			t.Errorf("%d attempts are under way beside the probe", n-1)
		}
		wg.Wait()
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("all were through after %s, want 1s + 2 * 4.5s", took)
		}
		wantQuiet(t, e)
	})
}
