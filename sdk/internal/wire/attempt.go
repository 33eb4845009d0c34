package wire

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// ender is a context that its holder can end, as that of a call on a session is.
type ender interface {
	context.Context
	// End ends the context with a cause.
	End(cause error)
}

// ownContext is the context of a call that is an RPC of its own.
type ownContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

func newOwnContext(parent context.Context) *ownContext {
	ctx, cancel := context.WithCancelCause(parent)
	return &ownContext{ctx, cancel}
}

// End implements ender.
func (c *ownContext) End(cause error) { c.cancel(cause) }

// afterFuncer is a context that tells of its end without the help of package
// context.
type afterFuncer interface {
	AfterFunc(f func()) (stop func() bool)
}

// attempt is the context of a call's author: it ends with the call's own, and
// when the time is up that the host gives to this attempt. It is one context, and
// not one for each of these limits, since every call needs one.
type attempt struct {
	context.Context
	call     ender
	limit    time.Duration
	alarm    *alarm    // nil if there is no limit
	deadline time.Time // zero unless all of the call must be over by then
	limited  atomic.Int32
}

// What has become of an attempt's limit. The first to say counts, the timer or
// whoever lifts the limit: a timer can no longer be stopped once it has fired,
// although the attempt has not ended yet.
const (
	limitStands int32 = iota
	limitLifted
	limitPassed
)

// attempt begins the attempt's time; finish must be called at the end.
func (c *call) attempt(ctx context.Context) *attempt {
	call, ok := ctx.(ender)
	if !ok {
		call = newOwnContext(ctx)
	}
	a := &attempt{Context: call, call: call, limit: c.req.Timeout}
	if c.req.ConnectTimeout > 0 {
		a.Context = provider.WithConnectTimeout(a.Context, c.req.ConnectTimeout)
	}
	if a.limit > 0 {
		if c.mode == provider.ModeCall || c.mode == "" {
			a.deadline = time.Now().Add(a.limit)
		}
		a.alarm = c.server.alarms.set(a)
	}
	return a
}

// expire ends the attempt, whose time is up.
func (a *attempt) expire() {
	if a.Context.Err() == nil && a.limited.CompareAndSwap(limitStands, limitPassed) {
		a.call.End(a.passed())
	}
}

// passed is the limit as an error.
func (a *attempt) passed() *provider.Error {
	return provider.Errorf(provider.CodeTimeout, "the attempt took longer than its limit of %v", a.limit)
}

// expired is the limit as an error if that is what ended the context, else nil.
func (a *attempt) expired() *provider.Error {
	if a.limited.Load() == limitPassed {
		return a.passed()
	}
	return nil
}

// inTime refuses an answer that came after the limit: the host has given it up.
func (a *attempt) inTime() error {
	if limit := a.expired(); limit != nil {
		return limit
	}
	return nil
}

// arrived lifts the limit of a stream or a transfer once the answer has begun:
// what follows is bounded by the host's idle timeout.
func (a *attempt) arrived() {
	if a.alarm != nil && a.limited.CompareAndSwap(limitStands, limitLifted) {
		a.alarm.stop()
	}
}

// finish ends the attempt for good.
func (a *attempt) finish() {
	a.arrived()
	if own, ok := a.call.(*ownContext); ok {
		own.End(nil)
	}
}

// Deadline implements [context.Context].
func (a *attempt) Deadline() (time.Time, bool) {
	deadline, ok := a.Context.Deadline()
	if a.deadline.IsZero() || ok && deadline.Before(a.deadline) {
		return deadline, ok
	}
	return a.deadline, true
}

// Err implements [context.Context].
func (a *attempt) Err() error {
	if a.expired() != nil {
		return context.DeadlineExceeded
	}
	return a.Context.Err()
}

// AfterFunc is what [context.AfterFunc] does: it ends with the call's context, and
// not otherwise, so that one may be asked.
func (a *attempt) AfterFunc(f func()) (stop func() bool) {
	if call, ok := a.call.(afterFuncer); ok {
		return call.AfterFunc(f)
	}
	return context.AfterFunc(a.Context, f)
}
