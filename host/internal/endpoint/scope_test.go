package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func scoped(caller context.Context, d time.Duration) *scope {
	s := new(scope)
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	s.begin(caller, &limit{name: "timeout", figure: d, without: "an answer", whole: true}, at)
	return s
}

func TestAScopeEndsWithItsCallerItsLimitOrItsAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		caller, leave := context.WithCancelCause(t.Context())
		reason := errors.New("gone")
		for name, c := range map[string]struct {
			end   func(*scope)
			limit string
			whole bool
		}{
			"attempt": {(*scope).over, "", false},
			"limit":   {func(*scope) { time.Sleep(time.Second) }, "timeout of 1s passed without an answer", true},
			"other limit": {func(s *scope) {
				s.arm(&limit{name: "attempt_timeout", figure: 1e6, without: "data"}, time.Now().Add(1e6))
				time.Sleep(1e6)
			}, "attempt_timeout of 1ms passed without data", false},
			"its own word": {func(s *scope) { s.pass(&limit{name: "idle_timeout", figure: 1e9, without: "a chunk"}) },
				"idle_timeout of 1s passed without a chunk", false},
		} {
			for _, live := range []bool{false, true} {
				s := scoped(caller, time.Second)
				told := false
				if live {
					context.AfterFunc(s, func() { told = true })
				}
				c.end(s)
				synctest.Wait()
				l, _ := s.why()
				if told != live || !errors.Is(s.Err(), context.Canceled) || (l != nil) != (c.limit != "") || l != nil && l.Error() != c.limit || s.whole() != c.whole {
					t.Errorf("%s: told %v, %v because of %v, whole %v", name, told, s.Err(), l, s.whole())
				}
				child, cancel := context.WithCancel(s)
				defer cancel()
				if child.Err() == nil || c.limit != "" && context.Cause(child).Error() != c.limit {
					t.Errorf("%s: a derived context has ended with %v because of %v", name, child.Err(), context.Cause(child))
				}
			}
		}
		s := scoped(caller, 0)
		leave(reason)
		if _, cause := s.why(); s.Err() == nil || !errors.Is(cause, reason) || !s.whole() {
			t.Errorf("the caller left, but %v because of %v", s.Err(), cause)
		}
	})
}

func TestALimitThatIsLiftedNoLongerEndsTheScope(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, live := range []bool{false, true} {
			s := scoped(t.Context(), time.Second)
			if live {
				s.Done()
			}
			time.Sleep(time.Second - 1)
			if !s.lift() {
				t.Fatalf("live %v: it passed too early", live)
			}
			time.Sleep(time.Hour)
			if s.Err() != nil {
				t.Errorf("live %v: %v", live, s.Err())
			}
			s = scoped(t.Context(), time.Second)
			if live {
				s.Done()
			}
			time.Sleep(time.Second)
			if s.lift() || s.Err() == nil {
				t.Errorf("live %v: a limit that has passed was lifted", live)
			}
		}
	})
}

// Scopes use each other's alarms. Each must end at its own limit, not before, and
// not at all if it is over.
func TestAlarmsThatAreUsedAgainRingForTheirScope(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ends := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 40).Draw(rt, "ends")
		synctest.Test(t, func(t *testing.T) {
			shared := new(alarms)
			for i, end := range ends {
				s := scoped(t.Context(), time.Duration(i+1)*time.Second)
				s.alarms = shared
				told := false
				stop := context.AfterFunc(s, func() { told = true })
				switch end {
				case 0:
					s.over()
				case 1:
					s.lift()
					s.over()
				case 2:
					time.Sleep(time.Duration(i+1)*time.Second - 1)
					if s.Err() != nil {
						t.Fatal("it ended before its limit")
					}
					time.Sleep(time.Nanosecond)
				case 3:
					s.arm(&limit{name: "attempt_timeout", figure: 1, without: "data"}, time.Now().Add(time.Millisecond))
					time.Sleep(time.Millisecond)
				}
				synctest.Wait()
				if l, _ := s.why(); !told || stop() || s.Err() == nil || (l != nil) != (end >= 2) {
					t.Fatalf("step %d, %d: told %v, %v because of %v", i, end, told, s.Err(), l)
				}
			}
		})
	})
}

func TestADerivedContextEndsWithTheScopeAndTakesNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		caller, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
		s := scoped(caller, time.Minute)
		child, cancel := context.WithTimeout(s, time.Hour)
		defer cancel()
		other, drop := context.WithCancel(s)
		drop()
		if other.Err() == nil || child.Err() != nil || child.Value(key{}) != "v" {
			t.Error("a derived context does not behave")
		}
		leave()
		<-child.Done() // would be a deadlock of the bubble
	})
}

type key struct{}

// A scope behaves like a context of the standard library with the same limit,
// whatever happens to it in whatever order.
func TestAScopeIsAContext(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 12).Draw(rt, "steps")
		var verdict string
		synctest.Test(t, func(t *testing.T) { verdict = compare(t, steps) })
		if verdict != "" {
			rt.Fatal(verdict)
		}
	})
}

// compare drives a scope and a standard context with the same steps.
func compare(t *testing.T, steps []int) string {
	caller, leave := context.WithCancel(t.Context())
	defer leave()
	s := scoped(caller, 3*time.Second)
	want, stop := context.WithTimeout(caller, 3*time.Second)
	defer stop()
	var got, expected atomic.Int64
	for _, step := range steps {
		switch step {
		case 0:
			time.Sleep(time.Second)
		case 1:
			leave()
		case 2:
			s.over()
			stop()
		case 3:
			s.Done()
		case 4:
			context.AfterFunc(s, func() { got.Add(1) })
			context.AfterFunc(want, func() { expected.Add(1) })
		case 5:
			if context.AfterFunc(s, func() { got.Add(1) })() != context.AfterFunc(want, func() { expected.Add(1) })() {
				return "stop answers differently"
			}
		case 6:
			child, cancel := context.WithCancel(s)
			context.AfterFunc(child, func() { got.Add(1) })
			other, stop := context.WithCancel(want)
			context.AfterFunc(other, func() { expected.Add(1) })
			defer cancel()
			defer stop()
		}
		synctest.Wait()
		if (s.Err() == nil) != (want.Err() == nil) || got.Load() != expected.Load() {
			return fmt.Sprintf("%v and %v differ, or %d and %d were told", s.Err(), want.Err(), got.Load(), expected.Load())
		}
	}
	return ""
}
