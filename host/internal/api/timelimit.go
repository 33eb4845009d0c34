package api

import (
	"context"
	"sync/atomic"
	"time"
)

// timeLimit is a context that ends like one with a deadline, unless the limit
// is lifted first: x-backplane-timeout bounds a stream up to its beginning, and
// not the hours that it may run. It shows no deadline, since that would be
// handed on to where it cannot be lifted.
type timeLimit struct {
	context.Context // ends with the caller's, or when the limit passes
	caller          context.Context
	cancel          context.CancelFunc
	timer           *time.Timer
	passed          atomic.Bool
}

// limitUntilBegun bounds what comes by d, 0 for no limit. lift ends the limit,
// stop frees what it holds.
func limitUntilBegun(ctx context.Context, d time.Duration) (limited context.Context, lift, stop func()) {
	if d == 0 {
		return ctx, func() {}, func() {}
	}
	l := newTimeLimit(ctx, d)
	return l, l.lift, l.stop
}

func newTimeLimit(ctx context.Context, d time.Duration) *timeLimit {
	inner, cancel := context.WithCancel(ctx)
	l := &timeLimit{Context: inner, caller: ctx, cancel: cancel}
	l.timer = time.AfterFunc(d, func() {
		l.passed.Store(true)
		cancel()
	})
	return l
}

func (l *timeLimit) lift() { l.timer.Stop() }

func (l *timeLimit) stop() {
	l.timer.Stop()
	l.cancel()
}

// Err says DeadlineExceeded once the limit has passed.
func (l *timeLimit) Err() error {
	err := l.Context.Err()
	if err != nil && l.passed.Load() {
		return context.DeadlineExceeded
	}
	return err
}

// Value leaves the inner context out, so that contexts derived from this one
// ask this one, and not the inner one, for the error.
func (l *timeLimit) Value(key any) any { return l.caller.Value(key) }

// AfterFunc lets derived contexts follow this one without a goroutine each.
func (l *timeLimit) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(l.Context, f) }
