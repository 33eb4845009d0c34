package endpoint

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestACallerWhoLeavesAStreamFreesEverythingAtOnce(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"cancel while reading", "cancel while not reading", "close while not reading", "close while reading", "cancel before the first chunk"} {
		bubble(t, func(t *testing.T) {
			var in *fakeStream
			f := &fake{}
			f.stream = func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
				if how == "cancel before the first chunk" {
					in = newStream(ctx, started())
				} else {
					in = newStream(ctx, started(), data("a"), used(4))
				}
				return in, nil
			}
			policy := steady()
			policy.IdleTimeout = time.Minute
			e, o := build(policy, f)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if how == "cancel before the first chunk" {
				time.AfterFunc(10*time.Second, cancel)
				start := time.Now()
				_, _, err := e.Stream(ctx, chat(), How{})
				wantCode(t, err, provider.CodeCanceled)
				if time.Since(start) != 10*time.Second {
					t.Errorf("%s: told after %v", how, time.Since(start))
				}
			} else {
				s, _, err := e.Stream(ctx, chat(), How{})
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if _, err := s.Next(); err != nil {
						t.Fatal(err)
					}
				}
				switch how {
				case "cancel while not reading":
					cancel()
				case "close while not reading":
					s.Close()
				case "cancel while reading":
					time.AfterFunc(time.Second, cancel)
					_, err = s.Next()
					wantCode(t, err, provider.CodeCanceled)
				case "close while reading":
					time.AfterFunc(time.Second, s.Close)
					_, err = s.Next()
					wantCode(t, err, provider.CodeCanceled)
				}
			}
			synctest.Wait()
			select {
			case <-in.closed:
			default:
				t.Errorf("%s: the plugin's stream was not closed", how)
			}
			st := wantQuiet(t, e)
			if st.Canceled != 1 || st.Circuit.Total != 0 || f.count() != 1 {
				t.Errorf("%s: stats %+v", how, st)
			}
			out := o.outcomes()
			if len(out) != 1 || out[0].Code != provider.CodeCanceled {
				t.Errorf("%s: observed %+v", how, out)
			}
			if how != "cancel before the first chunk" && out[0].Usage.Output != 4 {
				t.Errorf("%s: the tokens used so far are lost", how)
			}
		})
	}
}

func TestACallersDeadlineInTheMiddleOfAStreamIsNotTheServicesFault(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), streams(func(int) []piece { return []piece{started(), data("a")} }))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		s, _, err := e.Stream(ctx, chat(), How{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = drain(s)
		wantCode(t, err, provider.CodeTimeout)
		if st := wantQuiet(t, e); st.Circuit.Total != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestManyClosesRaceNextAndTheEndOnce(t *testing.T) {
	t.Parallel()
	for range 300 {
		e, o := build(steady(), streams(func(int) []piece {
			return []piece{started(), data("a"), data("b"), finished(1)}
		}))
		ctx, cancel := context.WithCancel(t.Context())
		s, _, err := e.Stream(ctx, chat(), How{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = drain(s) })
		wg.Go(s.Close)
		wg.Go(s.Close)
		wg.Go(cancel)
		wg.Wait()
		eventually(t, func() bool { return len(o.outcomes()) == 1 })
		wantQuiet(t, e)
		if out := o.outcomes(); len(out) != 1 || (out[0].Code != "" && out[0].Code != provider.CodeCanceled) {
			t.Fatalf("observed %+v", out)
		}
	}
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
		time.Sleep(time.Millisecond)
	}
}

// foreign is a context for which package context needs a goroutine to follow it,
// as long as nobody ends what hangs on it.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

func TestWhoIsRefusedAfterAWaitLeavesNothingAtTheCallersContext(t *testing.T) {
	t.Parallel()
	for name, failing := range map[string]bool{"in the queue": false, "between attempts": true} {
		bubble(t, func(t *testing.T) {
			policy := steady()
			policy.Timeout, policy.Queue.MaxConcurrent, policy.AttemptTimeout = 0, 1, 0
			f := &fake{call: hang}
			if failing {
				f = script(func(int) error { return upstreamError() })
			}
			e, _ := build(policy, f)
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			if !failing {
				wg.Go(func() { _, _, _ = e.Call(ctx, chat(), How{}) })
				synctest.Wait()
			}
			var caller context.Context = foreign{context.Background(), make(chan struct{})}
			wg.Go(func() {
				if _, _, err := e.Call(caller, chat(), How{}); err == nil {
					t.Errorf("%s: it was not refused", name)
				}
			})
			synctest.Wait()
			e.Close()
			cancel()
			wg.Wait()
			synctest.Wait() // and the bubble fails if a goroutine is left
		})
	}
}
