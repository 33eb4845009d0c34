package endpoint

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// guestbook is a caller's context that counts who still waits for its end: with
// one that lives long, as that of a program does, they would pile up.
type guestbook struct {
	context.Context
	guests, ever *atomic.Int64
}

// Value hides what package context would find its way around AfterFunc by.
func (g guestbook) Value(any) any { return nil }

func (g guestbook) AfterFunc(f func()) func() bool {
	g.guests.Add(1)
	g.ever.Add(1)
	leave := sync.OnceFunc(func() { g.guests.Add(-1) })
	stop := context.AfterFunc(g.Context, func() { leave(); f() })
	return func() bool {
		leave()
		return stop()
	}
}

// fickle is a service in trouble: most of what it begins has no end.
type fickle struct{ n atomic.Int64 }

func (f *fickle) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	switch f.n.Add(1) % 4 {
	case 0:
		return nil, upstreamError() // the request pauses
	case 1:
		return good(), nil
	default:
		return hang(ctx, req)
	}
}

func (f *fickle) Stream(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
	if f.n.Add(1)%2 == 0 {
		return newStream(ctx), nil // silent from its start
	}
	return newStream(ctx, started(), data("a"), data("b").in(time.Second)), nil // and then silent
}

func (f *fickle) Transfer(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
	return nil, upstreamError()
}

// Callers leave in whatever a request can be at: in the queue, at its gate, at an
// open circuit, between two attempts, in a call, in the middle of a stream. A
// goroutine that stays behind would be a deadlock of the bubble.
func TestAHundredThousandCancelsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	callers := max(100_000/slower, 20_000) // fewer do not always open the circuit
	if testing.Short() {
		callers = 20_000
	}
	bubble(t, func(t *testing.T) {
		policy := config.DefaultPolicy()
		policy.Queue.MaxConcurrent, policy.Queue.Size, policy.Queue.Overload = 40, 10_000, config.OverloadNone
		policy.IdleTimeout, policy.AttemptTimeout = 20*time.Second, 30*time.Second
		policy.Breaker.WhenOpen, policy.Breaker.ConsecutiveFailures = config.WhenOpenHold, 30
		e, _ := build(policy, &fickle{})
		var stayed, came atomic.Int64 // of those who waited for a caller's context
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				inner, cancel := context.WithCancel(t.Context())
				ctx := guestbook{inner, new(atomic.Int64), &came}
				defer time.AfterFunc(time.Duration(rand.IntN(4000))*time.Millisecond, cancel).Stop()
				defer cancel()
				if i%3 > 0 {
					_, _, _ = e.Call(ctx, chat(), How{})
				} else if s, _, err := e.Stream(ctx, chat(), How{}); err == nil {
					_, _ = drain(s)
					s.Close()
				}
				if inner.Err() == nil {
					stayed.Add(ctx.guests.Load())
				}
			})
			if i%500 == 499 {
				time.Sleep(time.Second)
			}
		}
		wg.Wait()
		time.Sleep(time.Minute)
		s := wantQuiet(t, e)
		if s.Requests != uint64(callers) || s.Canceled < uint64(callers)/2 || s.Circuit.Trips == 0 {
			t.Errorf("of %d callers %d left, the circuit opened %d times", s.Requests, s.Canceled, s.Circuit.Trips)
		}
		if s.Retries == 0 && callers == 100_000 { // in a smaller crowd the budget may be used up by those who leave
			t.Error("nobody was between two attempts")
		}
		if stayed.Load() != 0 || came.Load() == 0 {
			t.Errorf("%d of %d contexts still wait for their caller's", stayed.Load(), came.Load())
		}
		e.OpenCircuit("", time.Second)
		time.Sleep(2 * time.Second) // half open: as many probes as are allowed, or one was lost
		if _, err := e.breaker.Allow(); err != nil || e.breaker.Status().State != status.CircuitHalfOpen {
			t.Errorf("no permit is free: %v", err)
		}
	})
}
