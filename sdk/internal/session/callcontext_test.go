package session_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/backplane-dev/backplane/sdk/internal/session"
)

func TestACallsContextCallsWhoWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := session.NewCallContext(context.Background(), false)
		var called [6]int
		var stops [6]func() bool
		wait := func(i int) {
			stops[i] = c.AfterFunc(func() {
				if c.Err() == nil {
					t.Error("a function was called before the end")
				}
				called[i]++
			})
		}
		for i := range 5 {
			wait(i)
		}
		for _, i := range []int{0, 3} {
			if !stops[i]() || stops[i]() {
				t.Errorf("function %d was not stopped, or twice", i)
			}
		}
		below, cancel := context.WithCancel(c)
		defer cancel()
		reason := errors.New("reason")
		c.End(reason)
		c.End(errors.New("another"))
		wait(5)
		synctest.Wait()
		if called != [6]int{0, 1, 1, 0, 1, 1} {
			t.Errorf("functions were called %v times", called)
		}
		for i, stop := range stops {
			if stop() {
				t.Errorf("function %d was stopped after the end", i)
			}
		}
		if !errors.Is(context.Cause(c), reason) || !errors.Is(context.Cause(below), reason) {
			t.Errorf("it ended because of %v, the one below because of %v", context.Cause(c), context.Cause(below))
		}
	})
}

// A context with a deadline ends by itself, too.
func TestACallsContextTellsOfItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(context.Background())
		c := session.NewCallContext(parent, true)
		var called atomic.Int32
		c.AfterFunc(func() { called.Add(1) })
		stop := c.AfterFunc(func() { called.Add(10) })
		if !stop() {
			t.Error("a function was not stopped")
		}
		cancel()
		synctest.Wait()
		if c.End(nil); called.Load() != 1 {
			t.Errorf("the functions were called %d times", called.Load())
		}
	})
}

// TestTheEndOfACallsContextIsNotMissed has functions come and go while the end
// comes: each is called or was stopped.
func TestTheEndOfACallsContextIsNotMissed(t *testing.T) {
	t.Parallel()
	for range 100 {
		c := session.NewCallContext(context.Background(), false)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				called := make(chan struct{})
				stop := c.AfterFunc(func() { close(called) })
				if i%2 == 0 || !stop() {
					<-called
				}
			})
		}
		wg.Go(func() { c.End(nil) })
		wg.Wait()
	}
}
