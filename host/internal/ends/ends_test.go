package ends_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/internal/ends"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type told struct{ times atomic.Int32 }

func (w *told) Ended() { w.times.Add(1) }

type key struct{}

func begun() *ends.Context {
	c := new(ends.Context)
	c.Begin(context.WithValue(context.Background(), key{}, "value"))
	return c
}

func TestAContextEndsOnceAndTellsWhoWatches(t *testing.T) {
	t.Parallel()
	c := begun()
	before := c.Done()
	var one, two, three, late told
	for _, w := range []*told{&one, &two, &three} {
		if !c.Watch(w) {
			t.Fatal("a context that lasts cannot be watched")
		}
	}
	if !c.Unwatch(&two) || c.Unwatch(&two) || c.Err() != nil || c.Value(key{}) != "value" {
		t.Error("a context that lasts does not behave")
	}
	c.End()
	c.End()
	if c.Watch(&late) || c.Unwatch(&one) {
		t.Error("a context can be watched after its end")
	}
	for i, w := range []*told{&one, &two, &three, &late} {
		if got, want := w.times.Load(), []int32{1, 0, 1, 0}[i]; got != want {
			t.Errorf("watcher %d was told %d times, want %d", i, got, want)
		}
	}
	if !errors.Is(c.Err(), context.Canceled) {
		t.Errorf("its error is %v", c.Err())
	}
	<-before
	<-c.Done()
	other := begun()
	other.End()
	<-other.Done()
}

func TestDerivedContextsEndWithItAndTakeNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := begun()
		reason := errors.New("reason")
		named := caller.With(c, &caller.Caller{Tenant: "t"})
		children := make([]context.Context, 0, 4)
		for _, parent := range []context.Context{c, named} {
			child, cancel := context.WithCancelCause(parent)
			defer cancel(nil)
			grandchild, drop := context.WithCancel(context.WithValue(child, key{}, 1))
			defer drop()
			children = append(children, child, grandchild)
		}
		early, cancel := context.WithCancelCause(c)
		cancel(reason)
		var after, stopped told
		context.AfterFunc(c, after.Ended)
		if !context.AfterFunc(c, stopped.Ended)() {
			t.Error("what has not begun cannot be stopped")
		}
		c.End()
		synctest.Wait()
		for i, child := range children {
			if !errors.Is(child.Err(), context.Canceled) || !errors.Is(context.Cause(child), context.Canceled) {
				t.Errorf("derived context %d: %v because of %v", i, child.Err(), context.Cause(child))
			}
		}
		if !errors.Is(context.Cause(early), reason) || after.times.Load() != 1 || stopped.times.Load() != 0 {
			t.Errorf("one that ended before has the cause %v; functions were called %d and %d times",
				context.Cause(early), after.times.Load(), stopped.times.Load())
		}
		context.AfterFunc(c, after.Ended)
		synctest.Wait()
		if after.times.Load() != 2 {
			t.Error("a function was not called after the end")
		}
	})
}

func TestOfFindsTheContextWithWhichAnotherEnds(t *testing.T) {
	t.Parallel()
	c := begun()
	derived, cancel := context.WithCancel(c)
	defer cancel()
	nobody := &caller.Caller{}
	for name, x := range map[string]struct {
		ctx  context.Context
		want *ends.Context
	}{
		"itself":             {c, c},
		"with a caller":      {caller.With(caller.With(c, nobody), nobody), c},
		"ends sooner":        {derived, nil},
		"around that":        {caller.With(derived, nobody), nil},
		"of another package": {context.Background(), nil},
	} {
		if got := ends.Of(x.ctx); got != x.want {
			t.Errorf("%s: got %p, want %p", name, got, x.want)
		}
	}
}

// TestTheEndIsNeverMissed has many come and go while the end comes: each that could
// watch, and did not take it back, is told.
func TestTheEndIsNeverMissed(t *testing.T) {
	t.Parallel()
	for range 200 {
		c := begun()
		var wg sync.WaitGroup
		var watchers [8]told
		var watching [8]bool
		for i := range watchers {
			wg.Go(func() {
				w := &watchers[i]
				watching[i] = c.Watch(w) && (i%2 == 1 || !c.Unwatch(w))
				<-c.Done()
				if c.Err() == nil {
					t.Error("the channel is closed before there is an error")
				}
			})
		}
		wg.Go(c.End)
		wg.Wait()
		for i := range watchers {
			if told := watchers[i].times.Load() == 1; told != watching[i] {
				t.Errorf("watcher %d watches: %v, was told: %v", i, watching[i], told)
			}
		}
	}
}
