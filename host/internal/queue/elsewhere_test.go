package queue

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestWhoCanGoElsewhereDoesNotWaitForARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		slot := mustAcquire(t, q)
		before := ask(t.Context(), q, Ticket{Elsewhere: true})
		own := ask(t.Context(), q, Ticket{Elsewhere: true, Ungated: true})
		alone := ask(t.Context(), q, Ticket{})
		q.Hold(time.Now().Add(30*time.Second), &provider.Error{Code: provider.CodeRateLimit, Message: "slow down"})
		after := ask(t.Context(), q, Ticket{Elsewhere: true})
		for _, a := range []*asked{before, after} {
			var e *provider.Error
			if !errors.As(a.err(), &e) || e.Code != provider.CodeRateLimit || e.RetryAfter != 30*time.Second || e.Source != provider.SourceHost {
				t.Fatalf("got %#v, want rate_limit with 30s", a.err())
			}
			want := "the service is left alone for another 30s, and another endpoint of the route can answer now; it had said: slow down"
			if e.Message != want {
				t.Errorf("got  %q\nwant %q", e.Message, want)
			}
		}
		if own.done() || alone.done() {
			t.Errorf("an own key got %v, who has nowhere to go %v", own.err(), alone.err())
		}
		slot.Release()
		q.Close()
	})
}

func TestWhoCanGoElsewhereWaitsForACircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{MaxConcurrent: 1, Size: 10})
		q.Hold(time.Now().Add(30*time.Second), &provider.Error{Code: provider.CodeCircuitOpen})
		if a := ask(t.Context(), q, Ticket{Elsewhere: true}); a.done() {
			t.Errorf("it got %v, though requests are to be held", a.err())
		}
		q.Close()
	})
}

func TestWhoCanGoElsewhereDoesNotWaitLongForItsPace(t *testing.T) {
	t.Parallel()
	for wait, moves := range map[time.Duration]bool{999 * time.Millisecond: false, time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			q := New(Limits{MaxConcurrent: 1, Size: 10})
			q.SetPacer(&levels{left: map[string]int64{"slow": 0}, ready: time.Now().Add(wait)})
			a := ask(t.Context(), q, Ticket{Elsewhere: true, Model: "slow", Tokens: 1})
			var e *provider.Error
			switch {
			case a.done() != moves:
				t.Errorf("a wait of %s: got %v", wait, a.err())
			case moves && (!errors.As(a.err(), &e) || e.Code != provider.CodeRateLimit || e.RetryAfter != wait || !strings.Contains(e.Message, "in 1s, and another endpoint")):
				t.Errorf("got %#v, want rate_limit with %s", a.err(), wait)
			}
			q.Close()
		})
	}
}
