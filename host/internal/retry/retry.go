// Package retry decides whether a failed attempt is repeated, and when.
//
// The loop and its jittered sleeps are go-resiliency's retrier, one for each
// [Policy], since making one is expensive. Everything that the library does not
// know is decided by [Policy.Next] before it sleeps: which errors may be
// repeated at all, what the service said about waiting, how much time the
// request has left, and whether the budget allows it.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/eapache/go-resiliency/retrier"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Policy is the retry policy of one endpoint. It is safe for concurrent use.
type Policy struct {
	cfg     config.Retry
	delays  []time.Duration
	retrier *retrier.Retrier
	budget  *Budget
}

// New makes a policy. budget is shared by an endpoint's policies, so that a
// change of settings does not fill it up; nil makes a new one.
func New(cfg config.Retry, budget *Budget) *Policy {
	if budget == nil {
		budget = NewBudget()
	}
	p := &Policy{cfg: cfg, delays: schedule(cfg), budget: budget}
	p.retrier = retrier.New(p.delays, classifier{}).WithSurfaceWorkErrors()
	p.retrier.SetJitter(p.jitter())
	return p
}

// Budget returns the policy's budget.
func (p *Policy) Budget() *Budget { return p.budget }

// Explain returns the state of the budget. A policy without one has a capacity
// of 0.
func (p *Policy) Explain() status.RetryNow {
	now := status.RetryNow{Max: len(p.delays)}
	if p.cfg.Budget > 0 {
		now.Tokens, now.Capacity = p.budget.Tokens(), BudgetCap
	}
	return now
}

// Begin counts a request, which earns its share of the budget.
func (p *Policy) Begin() { p.budget.earn(p.cfg.Budget) }

// again wraps the error of an attempt that is to be repeated.
type again struct{ err error }

func (a *again) Error() string { return a.err.Error() }

// classifier reads the verdict that the attempt has made.
type classifier struct{}

func (classifier) Classify(err error) retrier.Action {
	if err == nil {
		return retrier.Succeed
	}
	if _, ok := errors.AsType[*again](err); ok {
		return retrier.Retry
	}
	return retrier.Fail
}

// Run calls attempt with 1, 2, ... until it succeeds or says that it is not to
// be repeated, and returns its last error. Between attempts it sleeps; the end
// of ctx ends the sleep, and Run then returns the last error too. What the
// service asked to wait is not part of these sleeps: see [Verdict.Delay].
func (p *Policy) Run(ctx context.Context, attempt func(number int) (repeat bool, err error)) error {
	var last error
	err := p.retrier.RunFn(ctx, func(_ context.Context, retries int) error {
		if retries > 0 && ctx.Err() != nil {
			return last // the sleep ended at the same moment, and the library chose to go on
		}
		repeat, err := attempt(retries + 1)
		last = err
		if err != nil && repeat {
			return &again{err}
		}
		return err
	})
	if a, ok := errors.AsType[*again](err); ok {
		return a.err
	}
	return err
}

// Refund gives back the token of a retry that succeeded, or that was called off
// before it began. last is the error that it was to mend.
func (p *Policy) Refund(last *provider.Error) {
	if costs(last) && p.cfg.Budget > 0 {
		p.budget.refund()
	}
}

// Pause is how long to leave the service alone after err: what it asked for, up
// to RetryAfterMax. If it did not say, it is the first delay after a refusal for
// the rate of requests, and a quarter of it if its own queue is full, which
// moves faster. 0 means that there is no need.
func (p *Policy) Pause(err *provider.Error) time.Duration {
	switch {
	case err.RetryAfter > 0 && err.IsTransient():
		if p.cfg.RetryAfterMax > 0 {
			return min(err.RetryAfter, p.cfg.RetryAfterMax)
		}
		return err.RetryAfter
	case err.IsRateLimit():
		return max(p.cfg.InitialDelay, minDelay)
	case err.Code == provider.CodeOverloaded:
		return max(p.cfg.InitialDelay/4, minDelay)
	default:
		return 0
	}
}
