package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// drain reads a stream to its end and writes down what it saw.
func drain(s provider.EventStream) (string, error) {
	var seen []string
	for {
		ev, err := s.Next()
		if err != nil {
			return strings.Join(seen, " "), err
		}
		switch ev.Kind {
		case provider.EventStarted:
			seen = append(seen, "started")
		case provider.EventData:
			seen = append(seen, string(ev.Chunks[0]))
		case provider.EventUsage:
			seen = append(seen, fmt.Sprintf("usage:%d", ev.Usage.Output))
		case provider.EventHeartbeat:
			seen = append(seen, "heartbeat")
		case provider.EventFinished:
			seen = append(seen, "finished")
		}
	}
}

func open(t *testing.T, e *Endpoint) (provider.EventStream, status.Report) {
	t.Helper()
	s, report, err := e.Stream(t.Context(), chat(), How{})
	if err != nil {
		t.Fatalf("Stream: %v", err)
	}
	return s, report
}

func TestAStreamReturnsAtItsFirstChunkAndPassesAllOn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := streams(func(int) []piece {
			return []piece{
				started().in(time.Second), heartbeat(), used(1), used(2), data("a").in(2 * time.Second), heartbeat().in(time.Second),
				data("b"), used(3), data("c").in(4 * time.Second), finished(9),
			}
		})
		e, o := build(steady(), f)
		start := time.Now()
		s, report := open(t, e)
		if time.Since(start) != 3*time.Second || report.ProviderTime != 3*time.Second || report.Total != 3*time.Second || report.Attempts != 1 {
			t.Errorf("returned after %v with %+v, want 3s", time.Since(start), report)
		}
		if st := e.Stats(); st.InFlight != 1 || st.Success != 0 {
			t.Errorf("stats at the first chunk: %+v", st)
		}
		seen, err := drain(s)
		if want := "started usage:2 a heartbeat b usage:3 c finished"; seen != want || !errors.Is(err, io.EOF) {
			t.Errorf("saw %q and %v, want %q and EOF", seen, err, want)
		}
		if _, err := s.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the end Next returns %v, want EOF", err)
		}
		s.Close()
		st := wantQuiet(t, e)
		if st.Success != 1 || st.Tokens.Output != 9 || st.TimeToFirstToken.Max != 3 || st.Latency.Max != 8 || st.Circuit.Total != 1 {
			t.Errorf("stats %+v", st)
		}
		out := o.outcomes()
		if len(out) != 1 || out[0].FirstToken != 3*time.Second || out[0].Total != 8*time.Second || out[0].ProviderTime != 3*time.Second ||
			out[0].Usage.Output != 9 || out[0].Mode != provider.ModeStream {
			t.Errorf("observed %+v", out)
		}
		if rec := e.Recent(status.RequestFilter{Limit: 1}); !rec[0].Stream || !rec[0].Success {
			t.Errorf("recent %+v", rec)
		}
	})
}

func TestAStreamWithoutChunksIsASuccess(t *testing.T) {
	t.Parallel()
	e, _ := build(steady(), streams(func(int) []piece { return []piece{started(), finished(0)} }))
	s, _ := open(t, e)
	if st := wantQuiet(t, e); st.Success != 1 || st.TimeToFirstToken.Count != 0 {
		t.Errorf("stats %+v: the service is done, so the slot should be free", st)
	}
	if seen, err := drain(s); seen != "started finished" || !errors.Is(err, io.EOF) {
		t.Errorf("saw %q and %v", seen, err)
	}
	s.Close()
	wantQuiet(t, e)
}

func TestBeforeTheFirstChunkFailuresAreRepeatedInvisibly(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := streams(func(n int) []piece {
			switch n {
			case 1:
				return []piece{broken(upstreamError())}
			case 2:
				return []piece{started(), used(1), heartbeat(), broken(upstreamError())}
			case 3:
				return []piece{started(), broken(io.EOF)} // cut off
			default:
				return []piece{started(), data("a"), finished(1)}
			}
		})
		e, _ := build(steady(), f)
		s, report := open(t, e)
		if report.Attempts != 4 || report.Backoff != 7*time.Second {
			t.Errorf("report %+v", report)
		}
		if seen, err := drain(s); seen != "started a finished" || !errors.Is(err, io.EOF) {
			t.Errorf("saw %q and %v: traces of failed attempts", seen, err)
		}
		if st := wantQuiet(t, e); st.Success != 1 || st.Circuit.Failures != 3 || st.Circuit.Total != 4 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestAfterTheFirstChunkAnErrorEndsTheStreamAndIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		code  provider.Code
		count bool
	}{
		{upstreamError(), provider.CodeUpstream, true},
		{io.EOF, provider.CodeProtocol, true},
		{io.ErrUnexpectedEOF, provider.CodeInternal, false},
		{rateLimit(time.Second), provider.CodeRateLimit, false},
		{&provider.Error{Code: provider.CodePluginUnavailable}, provider.CodePluginUnavailable, false},
	} {
		bubble(t, func(t *testing.T) {
			f := streams(func(int) []piece { return []piece{started(), data("a"), used(5), broken(c.err)} })
			e, o := build(steady(), f)
			s, _ := open(t, e)
			seen, err := drain(s)
			wantCode(t, err, c.code)
			if _, again := s.Next(); !errors.Is(again, err) {
				t.Errorf("the error is not the last word: %v", again)
			}
			s.Close()
			st := wantQuiet(t, e)
			if seen != "started a usage:5" || f.count() != 1 || st.Errors != 1 || st.ErrorsByCode[c.code] != 1 || (st.Circuit.Failures == 1) != c.count {
				t.Errorf("%s: saw %q in %d calls, stats %+v", c.code, seen, f.count(), st)
			}
			if out := o.outcomes(); len(out) != 1 || out[0].Code != c.code || out[0].Usage.Output != 5 {
				t.Errorf("%s: observed %+v", c.code, out)
			}
		})
	}
}

func TestARateLimitInTheMiddleOfAStreamHoldsTheEndpoint(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := streams(func(n int) []piece {
			if n == 1 {
				return []piece{started(), data("a"), broken(rateLimit(9 * time.Second))}
			}
			return []piece{started(), data("b"), finished(0)}
		})
		e, _ := build(steady(), f)
		s, _ := open(t, e)
		_, err := drain(s)
		wantCode(t, err, provider.CodeRateLimit)
		start := time.Now()
		s, _ = open(t, e)
		defer s.Close()
		if time.Since(start) != 9*time.Second {
			t.Errorf("the next stream began after %v, want 9s", time.Since(start))
		}
	})
}

func TestTheFirstChunkAfterAHoldLetsTheOthersGo(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := streams(func(int) []piece {
			return []piece{started(), data("a").in(100 * time.Millisecond), finished(0).in(time.Minute)}
		})
		e, _ := build(steady(), f)
		e.queue.Hold(time.Now().Add(5*time.Second), nil)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				s, _ := open(t, e)
				_, _ = drain(s)
			})
		}
		wg.Wait()
		if gap := f.calls[1].Sub(f.calls[0]); gap != 100*time.Millisecond {
			t.Errorf("the second stream began %v after the first, want it at its first chunk", gap)
		}
	})
}

func TestIdleTimeRunsOnlyWhileTheHostWaits(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.IdleTimeout = 5 * time.Second
		e, _ := build(policy, streams(func(int) []piece {
			return []piece{
				started(), data("a"), data("b").in(4 * time.Second), data("c").in(4 * time.Second),
				heartbeat().in(3 * time.Second), heartbeat().in(1 * time.Second), data("d").in(2 * time.Second), finished(0),
			}
		}))
		s, _ := open(t, e)
		for _, want := range []provider.EventKind{
			provider.EventStarted, provider.EventData, provider.EventData, provider.EventData, provider.EventHeartbeat, provider.EventHeartbeat,
		} {
			ev, err := s.Next()
			if err != nil || ev.Kind != want {
				t.Fatalf("event %d, %v, want %d", ev.Kind, err, want)
			}
			time.Sleep(20 * time.Second) // a slow caller
		}
		start := time.Now()
		_, err := s.Next() // four of the five seconds have gone by in heartbeats
		got := wantCode(t, err, provider.CodeTimeout)
		if got.Message != "idle_timeout of 5s passed without a chunk" || got.Source != provider.SourceHost || time.Since(start) != time.Second {
			t.Errorf("%q after %v, want the idle timeout after 1s", got.Message, time.Since(start))
		}
		if st := wantQuiet(t, e); st.Circuit.Failures != 1 || st.ErrorsByCode[provider.CodeTimeout] != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestTheTimeoutEndsAtTheFirstChunk(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.AttemptTimeout, policy.FirstTokenTimeout = 30*time.Second, 20*time.Second
		e, _ := build(policy, streams(func(int) []piece {
			return []piece{started(), data("a").in(19 * time.Second), data("b").in(10 * time.Hour), finished(0)}
		}))
		s, _ := open(t, e)
		if seen, err := drain(s); seen != "started a b finished" {
			t.Errorf("saw %q and %v", seen, err)
		}
	})
}

func TestStreamsAreSentWithoutAnAttemptTime(t *testing.T) {
	t.Parallel()
	f := streams(func(int) []piece { return []piece{started(), finished(0)} })
	inner := f.stream
	f.stream = func(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
		if _, has := ctx.Deadline(); has || req.Timeout != 0 || req.Attempt != 1 || req.Endpoint != "e" {
			t.Errorf("sent %+v with a deadline: %v; a limit would cut long streams", req, has)
		}
		return inner(ctx, req)
	}
	e, _ := build(steady(), f)
	s, _ := open(t, e)
	s.Close()
}

func TestAProbesStreamClosesTheCircuitAtItsFirstChunk(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Max, policy.Breaker.ConsecutiveFailures = 0, 1
		f := streams(func(n int) []piece {
			if n == 1 {
				return []piece{broken(upstreamError())}
			}
			return []piece{started(), data("a"), finished(0).in(time.Hour)}
		})
		e, _ := build(policy, f)
		_, _, err := e.Stream(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeUpstream)
		_, _, err = e.Stream(t.Context(), chat(), How{})
		time.Sleep(wantCode(t, err, provider.CodeCircuitOpen).RetryAfter)
		probe, _ := open(t, e)
		defer probe.Close()
		if st := e.Stats(); st.Circuit.State != status.CircuitClosed {
			t.Fatalf("state %s, want closed", st.Circuit.State)
		}
		other, _ := open(t, e)
		other.Close()
	})
}

func TestAPanicInAStreamLeaksNothing(t *testing.T) {
	t.Parallel()
	f := &fake{}
	var in *panicky
	f.stream = func(context.Context, *provider.Request) (provider.EventStream, error) { return in, nil }
	e, _ := build(steady(), f)
	in = &panicky{}
	_, _, err := e.Stream(t.Context(), chat(), How{})
	wantCode(t, err, provider.CodeInternal)
	in = &panicky{events: []provider.Event{started().event, data("a").event}}
	s, _ := open(t, e)
	seen, err := drain(s)
	wantCode(t, err, provider.CodeInternal)
	if st := wantQuiet(t, e); seen != "started a" || st.Errors != 2 {
		t.Errorf("saw %q, stats %+v", seen, st)
	}
}

// panicky is a stream that panics after its events.
type panicky struct{ events []provider.Event }

func (p *panicky) Close() {}

func (p *panicky) Next() (provider.Event, error) {
	if len(p.events) == 0 {
		panic("boom")
	}
	ev := p.events[0]
	p.events = p.events[1:]
	return ev, nil
}
