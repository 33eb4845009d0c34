package endpoint

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// moody is a backend that does anything that backends do, at random, and counts
// how many calls are under way at once.
type moody struct {
	running, most atomic.Int64
}

func (m *moody) enter() func() {
	n := m.running.Add(1)
	for {
		most := m.most.Load()
		if n <= most || m.most.CompareAndSwap(most, n) {
			return func() { m.running.Add(-1) }
		}
	}
}

func (m *moody) mood(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(rand.IntN(3000)) * time.Millisecond):
	case <-ctx.Done():
		return provider.AsError(ctx.Err())
	}
	switch rand.IntN(12) {
	case 0:
		return upstreamError()
	case 1:
		return rateLimit(time.Duration(rand.IntN(3)) * time.Second)
	case 2:
		return &provider.Error{Code: provider.CodePluginUnavailable}
	case 3:
		return &provider.Error{Code: provider.CodeInvalidRequest}
	case 4:
		panic("boom")
	default:
		return nil
	}
}

func (m *moody) Call(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
	defer m.enter()()
	if err := m.mood(ctx); err != nil {
		return nil, err
	}
	return good(), nil
}

func (m *moody) Stream(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
	leave := m.enter()
	s := newStream(ctx, started(), data("a").in(time.Second), data("b").in(time.Second))
	switch rand.IntN(4) {
	case 0:
		s.pieces = append(s.pieces, broken(upstreamError()))
	case 1: // silent from now on
	default:
		s.pieces = append(s.pieces, finished(1))
	}
	return &counted{fakeStream: s, leave: sync.OnceFunc(leave)}, nil
}

func (m *moody) Transfer(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
	return nil, &provider.Error{Code: provider.CodeUnsupported}
}

// counted is a stream that counts as running until it is closed.
type counted struct {
	*fakeStream
	leave func()
}

func (c *counted) Close() {
	c.leave()
	c.fakeStream.Close()
}

// Whatever backends, callers and the operator do, every request ends in exactly
// one answer, nothing is leaked and the limit is kept.
func TestEveryRequestEndsInExactlyOneAnswer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		const callers, rounds, limit = 40, 50, 6
		policy := steady()
		policy.Timeout, policy.IdleTimeout, policy.AttemptTimeout = 20*time.Second, 5*time.Second, 2*time.Second
		policy.Queue.MaxConcurrent, policy.Queue.Size = limit, 30
		policy.Breaker.OpenFor, policy.Breaker.MaxOpen = time.Second, 2*time.Second
		m := &moody{}
		e, o := build(policy, m)
		var answers atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range rounds {
					ctx, cancel := context.WithCancel(t.Context())
					if rand.IntN(3) == 0 {
						time.AfterFunc(time.Duration(rand.IntN(5000))*time.Millisecond, cancel)
					}
					if rand.IntN(2) == 0 {
						_, _, _ = e.Call(ctx, chat(), How{})
					} else if s, _, err := e.Stream(ctx, chat(), How{}); err == nil {
						_, _ = drain(s)
						s.Close()
					}
					answers.Add(1)
					cancel()
					time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
				}
			})
		}
		for i := range 50 {
			time.Sleep(time.Second)
			policy.Queue.Size = 10 + i
			e.Reconfigure(policy, "m", uint64(i))
		}
		wg.Wait()
		time.Sleep(time.Minute)
		st := wantQuiet(t, e)
		if answers.Load() != callers*rounds || st.Requests != callers*rounds || len(o.outcomes()) != callers*rounds {
			t.Errorf("%d answers, %d counted, %d observed of %d", answers.Load(), st.Requests, len(o.outcomes()), callers*rounds)
		}
		if m.running.Load() != 0 || m.most.Load() > limit || m.most.Load() < limit {
			t.Errorf("%d calls still run, %d ran at once, limit %d", m.running.Load(), m.most.Load(), limit)
		}
		if st.Success == 0 || st.Canceled == 0 || len(st.ErrorsByCode) < 5 || st.Circuit.Trips == 0 {
			t.Errorf("too little happened: %+v", st)
		}
	})
}
