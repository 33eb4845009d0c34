package endpoint

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestTheStoryTellsEachAttemptAndWhatCameOfIt(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(n int) error {
			time.Sleep(100 * time.Millisecond)
			if n < 3 {
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
		try := func(number int, at, delay time.Duration, next string) status.Try {
			t := status.Try{Endpoint: "e", Provider: "fake", Number: number, At: start.Add(at), Permit: status.CircuitClosed,
				Duration: 100 * time.Millisecond, Delay: delay, Next: next}
			if next != "" {
				t.Code, t.Error = provider.CodeUpstream, "it broke"
			}
			return t
		}
		want := []status.Try{
			try(1, 0, time.Second, "repeated after the 1s: retry 1 of 3"),
			try(2, 1100*time.Millisecond, 2*time.Second, "repeated after the 2s: retry 2 of 3"),
			try(3, 3200*time.Millisecond, 0, ""),
		}
		if !reflect.DeepEqual(report.Tries, want) {
			t.Errorf("got  %+v\nwant %+v", report.Tries, want)
		}
		if report.Backoff != 3*time.Second || report.ProviderTime != 300*time.Millisecond || report.Total != 3300*time.Millisecond {
			t.Errorf("report %+v", report)
		}
		recent := e.Recent(status.RequestFilter{})
		if len(recent) != 1 || !reflect.DeepEqual(recent[0].Tries, want) || recent[0].Backoff != 3*time.Second {
			t.Errorf("remembered as %+v", recent)
		}
	})
}

// The usual story costs nothing, and is there all the same for who looks.
func TestAnAttemptThatSucceedsAtOnceIsRememberedToo(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), &fake{call: work(time.Second)})
		start := time.Now()
		_, report, _ := e.Call(t.Context(), chat(), How{})
		if report.Tries != nil {
			t.Errorf("the report tells %+v", report.Tries)
		}
		want := []status.Try{{Endpoint: "e", Provider: "fake", Number: 1, At: start, Permit: status.CircuitClosed, Duration: time.Second}}
		if got := e.Recent(status.RequestFilter{}); len(got) != 1 || !reflect.DeepEqual(got[0].Tries, want) {
			t.Errorf("remembered as %+v", got)
		}
	})
}

func TestTheStorySaysWhyARequestIsNotRepeated(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		leaving, leave := context.WithCancel(t.Context())
		defer leave()
		for name, c := range map[string]struct {
			ctx   context.Context
			err   *provider.Error
			how   How
			alone bool
			next  string
		}{
			"a wrong key":  {t.Context(), &provider.Error{Code: provider.CodeAuth}, How{}, false, "not repeated: another attempt would use the same key"},
			"no retries":   {t.Context(), upstreamError(), How{}, true, "not repeated: retries are turned off"},
			"beside one":   {t.Context(), upstreamError(), How{Hedge: true}, false, "not repeated: it was a second attempt beside a slow one"},
			"elsewhere":    {t.Context(), rateLimit(0), How{Elsewhere: true}, false, "not repeated: another endpoint of the route can answer now"},
			"a caller who": {leaving, upstreamError(), How{}, false, "not repeated: the caller has left"},
		} {
			policy := steady()
			if c.alone {
				policy = alone()
			}
			e, _ := build(policy, script(func(int) error {
				if c.ctx == leaving {
					leave()
				}
				return c.err
			}))
			_, report, _ := e.Call(c.ctx, chat(), c.how)
			if len(report.Tries) != 1 || report.Tries[0].Next != c.next || report.Tries[0].Hedge != c.how.Hedge {
				t.Errorf("%s: %+v, want %q", name, report.Tries, c.next)
			}
		}
	})
}

func TestALongStoryKeepsItsBeginningAndItsEnd(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Timeout, policy.Retry.Max, policy.Retry.Budget, policy.Breaker.Enabled = 0, 20, 0, false
		e, _ := build(policy, script(func(int) error { return upstreamError() }))
		_, report, _ := e.Call(t.Context(), chat(), How{})
		var numbers []int
		for _, try := range report.Tries {
			numbers = append(numbers, try.Number)
		}
		if want := []int{1, 2, 3, 4, 5, 17, 18, 19, 20, 21}; !reflect.DeepEqual(numbers, want) {
			t.Errorf("attempts %v, want %v", numbers, want)
		}
	})
}

// A connection that was not made is a timeout of its own name, and since nothing
// was sent even an operation that must not be done twice is tried again.
func TestAnUnsafeOperationIsRepeatedWhenTheConnectionTookTooLong(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		for vouched, want := range map[bool]int{true: 2, false: 1} {
			policy := steady()
			policy.ConnectTimeout = 5 * time.Second
			var sent time.Duration
			f := &fake{}
			f.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
				sent = req.ConnectTimeout
				if f.count() > 1 {
					return good(), nil
				}
				err := provider.Errorf(provider.CodeTimeout, "connect_timeout of 5s passed without a connection to svc:443")
				if vouched {
					err.Retry = provider.RetryAlways
				}
				return nil, err
			}
			e, _ := build(policy, f)
			req := chat()
			req.Operation = "files.upload"
			_, report, _ := e.Call(t.Context(), req, How{})
			if f.count() != want || sent != 5*time.Second {
				t.Errorf("vouched %v: %d calls with %s, want %d", vouched, f.count(), sent, want)
			}
			if !strings.HasPrefix(report.Tries[0].Error, "connect_timeout of 5s passed") || report.Tries[0].Code != provider.CodeTimeout {
				t.Errorf("the story is %+v", report.Tries[0])
			}
		}
	})
}

func TestTheQueueWaitsOfAllAttemptsAreAddedUp(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent = 1
		f := &fake{}
		f.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			time.Sleep(2 * time.Second)
			if req.RequestID == "fails once" && req.Attempt == 1 {
				return nil, upstreamError()
			}
			return good(), nil
		}
		e, _ := build(policy, f)
		for _, at := range []time.Duration{0, 3500 * time.Millisecond} { // each keeps it waiting
			time.AfterFunc(at, func() { _, _, _ = e.Call(t.Context(), chat(), How{}) })
		}
		time.Sleep(time.Second)
		req := chat()
		req.RequestID = "fails once"
		_, report, err := e.Call(t.Context(), req, How{})
		if err != nil || len(report.Tries) != 2 {
			t.Fatalf("%v, %+v", err, report.Tries)
		}
		first, second := report.Tries[0].QueueWait, report.Tries[1].QueueWait
		if first != time.Second || second != time.Second || report.QueueWait != first+second {
			t.Errorf("waited %s and %s, %s in all", first, second, report.QueueWait)
		}
	})
}

func TestARequestThatEndsTwoProcessesIsNotGivenAThird(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := script(func(int) error { return &provider.Error{Code: provider.CodePluginUnavailable, Message: "it is gone"} })
		e, _ := build(steady(), f)
		_, report, _ := e.Call(t.Context(), chat(), How{})
		if f.count() != 2 || report.Tries[1].Next != "not repeated: the plugin's process has ended twice under this request" {
			t.Errorf("%d calls: %+v", f.count(), report.Tries)
		}
	})
}

func TestRefusalsDoNotMakeAnEndpointSeemFast(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(alone(), &fake{call: work(2 * time.Second)})
		if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
			t.Fatal(err)
		}
		e.OpenCircuit("for a look", 0)
		for range 9 {
			_, _, err := e.Call(t.Context(), chat(), How{})
			wantCode(t, err, provider.CodeCircuitOpen)
		}
		if s := e.Stats(); s.Requests != 10 || s.Latency.Count != 1 || s.QueueWait.Count != 1 || s.Latency.P50 < 2 {
			t.Errorf("%d requests, latency %+v, wait %+v; want the times of one", s.Requests, s.Latency, s.QueueWait)
		}
	})
}
