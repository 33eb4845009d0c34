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

func TestEachLimitIsATimeoutThatSaysWhichAndItsFigure(t *testing.T) {
	t.Parallel()
	silent := func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
		return newStream(ctx, started(), heartbeat().in(3*time.Second)), nil
	}
	for _, c := range []struct {
		name    string
		policy  func(*config.Policy)
		stream  bool
		after   time.Duration
		message string
		counted bool
	}{
		{"timeout", func(*config.Policy) {}, false,
			60 * time.Second, "timeout of 1m passed without an answer", true},
		{"attempt_timeout", func(p *config.Policy) { p.AttemptTimeout = 20 * time.Second }, false,
			20 * time.Second, "attempt_timeout of 20s passed without an answer", true},
		{"timeout of a stream", func(*config.Policy) {}, true,
			60 * time.Second, "timeout of 1m passed without a chunk", true},
		{"attempt_timeout of a stream", func(p *config.Policy) { p.AttemptTimeout, p.FirstTokenTimeout = 20*time.Second, 30*time.Second }, true,
			20 * time.Second, "attempt_timeout of 20s passed without a chunk", true},
		{"first_token_timeout", func(p *config.Policy) { p.AttemptTimeout, p.FirstTokenTimeout = 20*time.Second, 10*time.Second }, true,
			10 * time.Second, "first_token_timeout of 10s passed without a chunk", true},
		{"first_token_timeout is for streams", func(p *config.Policy) { p.FirstTokenTimeout = 10 * time.Second }, false,
			60 * time.Second, "timeout of 1m passed without an answer", true},
	} {
		bubble(t, func(t *testing.T) {
			policy := steady()
			policy.Retry.Max = 0
			c.policy(&policy)
			e, _ := build(policy, &fake{call: hang, stream: silent})
			start := time.Now()
			var err error
			if c.stream {
				_, _, err = e.Stream(t.Context(), chat(), How{})
			} else {
				_, _, err = e.Call(t.Context(), chat(), How{})
			}
			got := wantCode(t, err, provider.CodeTimeout)
			if got.Message != c.message || got.Source != provider.SourceHost || time.Since(start) != c.after {
				t.Errorf("%s: %q after %v, want %q after %v", c.name, got.Message, time.Since(start), c.message, c.after)
			}
			if s := wantQuiet(t, e); (s.Circuit.Failures == 1) != c.counted {
				t.Errorf("%s: %d failures, counted should be %v", c.name, s.Circuit.Failures, c.counted)
			}
		})
	}
}

func TestAnAttemptThatTimesOutIsRepeated(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.AttemptTimeout = 5 * time.Second
		f := &fake{}
		f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
			if req.Timeout != 5*time.Second {
				t.Errorf("attempt %d was given %v", req.Attempt, req.Timeout)
			}
			if req.Attempt == 1 {
				return hang(ctx, req)
			}
			return good(), nil
		}
		e, _ := build(policy, f)
		_, report, err := e.Call(t.Context(), chat(), How{})
		if err != nil || report.Attempts != 2 || report.Total != 6*time.Second {
			t.Errorf("%v, %+v", err, report)
		}
	})
}

func TestATimeoutInTheQueueIsNotTheServicesFault(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent, policy.Queue.Overload = 1, config.OverloadNone
		e, _ := build(policy, &fake{call: hang})
		var wg sync.WaitGroup
		call := func(message string) {
			wg.Go(func() {
				_, _, err := e.Call(t.Context(), chat(), How{})
				if got := wantCode(t, err, provider.CodeTimeout); got.Message != message {
					t.Errorf("%q, want %q", got.Message, message)
				}
			})
			synctest.Wait()
		}
		call("timeout of 1m passed without an answer")
		call("timeout of 1m passed without an answer; 1m of it went by in the queue")
		time.Sleep(10 * time.Second)
		call("timeout of 1m passed without an answer; 50s of it went by in the queue")
		wg.Wait()
		// The first had all its time; the last had ten seconds of it.
		if s := wantQuiet(t, e); s.Circuit.Failures != 1 || s.Circuit.Total != 1 || s.Attempts != 2 {
			t.Errorf("%d of %d failures in %d attempts, want 1 of 1 in 2", s.Circuit.Failures, s.Circuit.Total, s.Attempts)
		}
	})
}

func TestACallersShortDeadlineIsNotTheServicesFault(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), &fake{call: hang})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, _, err := e.Call(ctx, chat(), How{})
		got := wantCode(t, err, provider.CodeTimeout)
		if want := "the deadline that the caller had set passed while the provider worked on the request"; got.Message != want {
			t.Errorf("%q, want %q", got.Message, want)
		}
		if s := wantQuiet(t, e); s.Circuit.Total != 0 || s.Errors != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestNoRetryIsBegunThatCouldNotEndInTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Timeout = 3 * time.Second // attempts at 0 and 1 s; the next would be at 3 s
		f := script(func(int) error { return upstreamError() })
		e, _ := build(policy, f)
		start := time.Now()
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeUpstream)
		if f.count() != 2 || time.Since(start) != time.Second {
			t.Errorf("%d attempts in %v, want 2 in 1s", f.count(), time.Since(start))
		}
		f.calls = nil
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, _, err = e.Call(ctx, chat(), How{})
		wantCode(t, err, provider.CodeUpstream)
		if f.count() != 1 {
			t.Errorf("%d attempts within the caller's 500ms, want 1", f.count())
		}
	})
}

func TestAZeroTimeoutIsNoLimit(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Timeout = 0
		f := &fake{}
		f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
			if req.Timeout != 0 {
				t.Errorf("the attempt was given %v", req.Timeout)
			}
			return work(10*time.Hour)(ctx, req)
		}
		e, _ := build(policy, f)
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
			t.Error(err)
		}
	})
}

// Wherever the caller is when it leaves, the request ends at that moment, as
// canceled, and nothing is held against the service.
func TestACallerWhoLeavesFreesEverythingAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		where    string
		setup    func(e *Endpoint, f *fake)
		message  string
		attempts uint64
	}{
		{"in flight", func(*Endpoint, *fake) {}, "the caller left while the provider worked on the request", 1},
		{"between attempts", func(_ *Endpoint, f *fake) {
			f.call = func(context.Context, *provider.Request) (*provider.Response, error) { return nil, upstreamError() }
		}, "the caller left between two attempts", 1},
		{"in the queue", func(e *Endpoint, _ *fake) {
			go func() { _, _, _ = e.Call(context.Background(), chat(), How{}) }()
			synctest.Wait()
		}, "the caller left while the request waited in the queue", 1},
		{"at the gate", func(e *Endpoint, f *fake) { e.queue.Hold(time.Now().Add(10*time.Second), nil) },
			"the caller left while the request waited in the queue", 0},
		{"before it began", nil, "the caller left before the attempt was made", 0},
	} {
		bubble(t, func(t *testing.T) {
			f := &fake{call: hang}
			policy := steady()
			policy.Queue.MaxConcurrent = 1
			e, o := build(policy, f)
			ctx, cancel := context.WithCancel(t.Context())
			if c.setup != nil {
				c.setup(e, f)
				time.AfterFunc(500*time.Millisecond, cancel)
			} else {
				cancel()
			}
			start := time.Now()
			_, _, err := e.Call(ctx, chat(), How{})
			got := wantCode(t, err, provider.CodeCanceled)
			if got.Message != c.message || got.Source != provider.SourceCaller {
				t.Errorf("%s: %q of %s, want %q", c.where, got.Message, got.Source, c.message)
			}
			if d := time.Since(start); d > 500*time.Millisecond {
				t.Errorf("%s: it took %v to end", c.where, d)
			}
			s := e.Stats()
			if s.Canceled != 1 || s.Attempts != c.attempts || s.Queued != 0 || len(o.outcomes()) != 1 {
				t.Errorf("%s: stats %+v", c.where, s)
			}
			if c.where != "between attempts" && s.Circuit.Total != 0 {
				t.Errorf("%s: the service was charged", c.where)
			}
		})
	}
}

func TestACancelledRetryGivesItsTokenBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), script(func(int) error { return upstreamError() }))
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			_, _, err := e.Call(ctx, chat(), How{})
			wantCode(t, err, provider.CodeCanceled)
		}
		if got := e.settings.Load().retry.Budget().Tokens(); got != 10 {
			t.Errorf("%v tokens are left, want 10", got)
		}
	})
}

func TestARetryThatTheCircuitRefusesGivesItsTokenBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Breaker.ConsecutiveFailures = 2
		e, _ := build(policy, script(func(int) error { return upstreamError() }))
		waiting := make(chan error, 1)
		go func() {
			_, _, err := e.Call(t.Context(), chat(), How{})
			waiting <- err
		}()
		time.Sleep(100 * time.Millisecond) // between its attempts
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeUpstream)
		wantCode(t, <-waiting, provider.CodeCircuitOpen)
		if got := e.settings.Load().retry.Budget().Tokens(); got != 10 {
			t.Errorf("%v tokens are left, want 10", got)
		}
	})
}

func TestCloseEndsWaitingRequestsAndLetsRunningOnesFinish(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fake{}
		f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
			switch req.RequestID {
			case "pauses":
				return nil, upstreamError()
			case "fails":
				time.Sleep(10 * time.Second)
				return nil, upstreamError()
			}
			return work(10*time.Second)(ctx, req)
		}
		policy := steady()
		policy.Queue.MaxConcurrent = 2
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		call := func(id string, check func(err error)) {
			wg.Go(func() {
				req := chat()
				req.RequestID = id
				_, _, err := e.Call(t.Context(), req, How{})
				check(err)
			})
			synctest.Wait()
		}
		start := time.Now()
		shutdown := func(err error) {
			wantCode(t, err, provider.CodeShutdown)
			if time.Since(start) != 500*time.Millisecond {
				t.Errorf("told after %v, want at once", time.Since(start))
			}
		}
		call("pauses", func(err error) {
			shutdown(err)
			if !strings.Contains(err.Error(), "its last attempt failed: it broke") {
				t.Errorf("%v does not tell the last error", err)
			}
		})
		call("runs", func(err error) {
			if err != nil {
				t.Errorf("a running request was cut: %v", err)
			}
		})
		call("fails", func(err error) { wantCode(t, err, provider.CodeUpstream) })
		call("waits", shutdown)
		time.Sleep(500 * time.Millisecond)
		e.Close()
		e.Close()
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeShutdown)
		wg.Wait()
		wantQuiet(t, e)
	})
}

func TestAClosedEndpointStillKnowsWhatItNeverOffered(t *testing.T) {
	t.Parallel()
	e, o := build(steady(), &fake{})
	e.Close()
	req := chat()
	req.Operation = "any-word-of-the-callers"
	_, _, err := e.Call(t.Context(), req, How{})
	wantCode(t, err, provider.CodeUnsupported)
	_, _, err = e.Call(t.Context(), chat(), How{})
	wantCode(t, err, provider.CodeShutdown)
	if got := o.outcomes(); len(got) != 2 || got[0].Code != provider.CodeUnsupported {
		t.Errorf("outcomes %+v", got)
	}
}
