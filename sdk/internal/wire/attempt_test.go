package wire

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// lent is a context as a session gives it: its holder may end it, and whoever lent
// it does so in the end.
type lent struct {
	context.Context
	cancel context.CancelCauseFunc
}

func (l *lent) End(cause error) { l.cancel(cause) }

// onBothContexts runs a test with the context of an RPC and that of a session.
func onBothContexts(t *testing.T, test func(t *testing.T, parent context.Context)) {
	t.Parallel()
	t.Run("RPC", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { test(t, t.Context()) })
	})
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			test(t, &lent{ctx, cancel})
		})
	})
}

// attemptOf begins an attempt of one minute.
func attemptOf(parent context.Context, mode provider.Mode) *attempt {
	c := call{server: &Server{}, mode: mode, req: &provider.Request{Timeout: time.Minute, ConnectTimeout: time.Second}}
	return c.attempt(parent)
}

func TestAnAttemptEndsAtItsLimitWithATypedCause(t *testing.T) {
	onBothContexts(t, func(t *testing.T, parent context.Context) {
		begin := time.Now()
		a := attemptOf(parent, provider.ModeCall)
		defer a.finish()
		below, cancel := context.WithCancel(a)
		defer cancel()
		<-below.Done()
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("it ended after %v", took)
		}
		var limit *provider.Error
		if !errors.As(context.Cause(below), &limit) || limit.Code != provider.CodeTimeout {
			t.Errorf("the cause is %v", context.Cause(below))
		}
		if !errors.Is(a.Err(), context.DeadlineExceeded) || a.inTime() == nil {
			t.Errorf("the context ended with %v, and the answer counts as %v", a.Err(), a.inTime())
		}
	})
}

func TestAnAttemptTellsItsTimes(t *testing.T) {
	onBothContexts(t, func(t *testing.T, parent context.Context) {
		a := attemptOf(parent, provider.ModeCall)
		defer a.finish()
		if at, ok := a.Deadline(); !ok || time.Until(at) != time.Minute {
			t.Errorf("the deadline is %v, %v", at, ok)
		}
		if d := provider.ConnectTimeout(a); d != time.Second {
			t.Errorf("the connect timeout is %v", d)
		}
		if _, ok := attemptOf(parent, provider.ModeStream).Deadline(); ok {
			t.Error("a stream, whose limit may be lifted, has a deadline")
		}
	})
}

func TestTheCallersEarlierDeadlineStands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a := attemptOf(ctx, provider.ModeCall)
		defer a.finish()
		if at, ok := a.Deadline(); !ok || time.Until(at) != time.Second {
			t.Errorf("the deadline is %v, %v", at, ok)
		}
		<-a.Done()
		if a.expired() != nil || !errors.Is(a.Err(), context.DeadlineExceeded) {
			t.Errorf("the caller's deadline counts as the attempt's: %v, %v", a.expired(), a.Err())
		}
	})
}

func TestALimitThatWasLiftedDoesNotEndTheAttempt(t *testing.T) {
	onBothContexts(t, func(t *testing.T, parent context.Context) {
		a := attemptOf(parent, provider.ModeStream)
		a.arrived()
		time.Sleep(time.Hour)
		if a.Err() != nil || a.inTime() != nil {
			t.Errorf("it ended with %v, %v", a.Err(), a.inTime())
		}
		a.finish()
	})
}

// The session ends the context once the answer is on its way; an RPC has nobody
// who would.
func TestOnlyTheContextOfAnRPCEndsWithTheAttempt(t *testing.T) {
	onBothContexts(t, func(t *testing.T, parent context.Context) {
		a := attemptOf(parent, provider.ModeCall)
		a.finish()
		time.Sleep(time.Hour)
		_, onSession := parent.(*lent)
		if ended := a.Err() != nil; ended == onSession {
			t.Errorf("after the call the context's error is %v", a.Err())
		}
		if a.expired() != nil {
			t.Errorf("the limit of a call that has ended passed: %v", a.expired())
		}
	})
}

// A timer that has fired cannot be stopped: what it does comes after what the
// attempt did meanwhile, or before.
func TestTheLimitAndTheAnswerAgreeOnWhoWasFirst(t *testing.T) {
	onBothContexts(t, func(t *testing.T, parent context.Context) {
		a := attemptOf(parent, provider.ModeCall)
		a.arrived()
		a.expire()
		if a.Err() != nil || a.Context.Err() != nil || a.inTime() != nil {
			t.Errorf("the answer was first, and the limit ended it: %v, %v", a.Err(), a.inTime())
		}
		a.finish()
		a = attemptOf(parent, provider.ModeCall)
		a.expire()
		a.arrived()
		if a.Context.Err() == nil || !errors.Is(a.Err(), context.DeadlineExceeded) || a.inTime() == nil {
			t.Errorf("the limit was first, and the answer counts: %v, %v", a.Err(), a.inTime())
		}
		a.finish()
	})
}

func TestALimitAfterTheCallersEndIsNotTheReason(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := attemptOf(ctx, provider.ModeCall)
	defer a.finish()
	cancel()
	a.expire()
	if !errors.Is(a.Err(), context.Canceled) || a.expired() != nil {
		t.Errorf("the attempt ended with %v", a.Err())
	}
}

// On a session the context of a call tells of its end itself.
func TestAnAttemptTellsOfItsEnd(t *testing.T) {
	onBothContexts(t, func(t *testing.T, parent context.Context) {
		a := attemptOf(parent, provider.ModeCall)
		defer a.finish()
		var called []string
		a.AfterFunc(func() { called = append(called, "left") })
		if stop := a.AfterFunc(func() { called = append(called, "stopped") }); !stop() {
			t.Error("a function was not stopped")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(called) != 1 || called[0] != "left" {
			t.Errorf("called: %v", called)
		}
	})
}

// TestAlarmsAreUsedAgain has attempts with one another's alarms: each ends at its
// own limit, and none at another's.
func TestAlarmsAreUsedAgain(t *testing.T) {
	onBothContexts(t, func(t *testing.T, parent context.Context) {
		server := &Server{}
		begin := func(limit time.Duration) *attempt {
			c := call{server: server, mode: provider.ModeStream, req: &provider.Request{Timeout: limit}}
			return c.attempt(newOwnContext(parent))
		}
		for range 20 {
			lifted, short := begin(time.Second), begin(2*time.Second)
			lifted.arrived()
			long := begin(time.Minute)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if lifted.Err() != nil || !errors.Is(short.Err(), context.DeadlineExceeded) || long.Err() != nil {
				t.Fatalf("they ended with %v, %v and %v", lifted.Err(), short.Err(), long.Err())
			}
			long.finish()
			lifted.finish()
			short.finish()
		}
	})
}
