package host

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// story writes tries in one line each.
func story(tries []status.Try) string {
	var b strings.Builder
	for _, t := range tries {
		fmt.Fprintf(&b, "%s#%d %s %v", t.Endpoint, t.Number, t.Code, t.Duration)
		if t.Hedge {
			b.WriteString(" hedge")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestAReportTellsOfAllEndpoints(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a := always(reply{after: time.Second, err: upstream(provider.CodeUpstream)})
		c := always(reply{after: 2 * time.Second})
		h := world(ordered(),
			part{id: "a", service: a, policy: func(p *config.Policy) { p.Retry.Max, p.Retry.Jitter = 1, 0 }},
			part{id: "b", service: always(reply{}), offers: operations[1:]}, part{id: "c", service: c})
		start := time.Now()
		_, r, err := h.call(t.Context(), chatRequest())
		if err != nil {
			t.Fatal(err)
		}
		want := "a#1 upstream 1s\na#2 upstream 1s\nb#0 unsupported 0s\nc#1  2s\n"
		if r.Endpoint != "c" || r.Attempts != 3 || r.Backoff != time.Second || r.ProviderTime != 4*time.Second || r.Total != 5*time.Second || r.RequestID != "id" {
			t.Errorf("got %+v", r)
		}
		if got := story(r.Tries); got != want {
			t.Errorf("got the story\n%swant\n%s", got, want)
		}
		if first, second := r.Tries[1].Next, r.Tries[2].Next; !strings.HasSuffix(first, "; went on to b") || second != "went on to c" || r.Tries[3].Next != "" {
			t.Errorf("what came of it is told as %q and %q", first, second)
		}
		if recent := h.Recent(status.RequestFilter{Endpoint: "a"}); strings.Contains(recent[0].Tries[1].Next, "went on") {
			t.Error("the endpoint's own story was changed")
		}
		if at := r.Tries[len(r.Tries)-1].At.Sub(start); at != 3*time.Second {
			t.Errorf("the last attempt is said to have begun after %v", at)
		}
	})
}

func TestOneAttemptThatSucceedsHasNoStory(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		h := world(ordered(), part{id: "a", service: always(reply{})}, part{id: "b", service: always(reply{})})
		if _, r, err := h.call(t.Context(), chatRequest()); err != nil || r.Tries != nil || r.Attempts != 1 || r.Endpoint != "a" {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// TestARefusalDoesNotHideAFailure: that b's circuit is open is no answer to what
// is wrong with a.
func TestARefusalDoesNotHideAFailure(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a := always(reply{err: upstream(provider.CodeUpstream)})
		for _, parts := range [][]part{
			{{id: "a", service: a}, {id: "b", offers: operations[1:]}},
			{{id: "b", offers: operations[1:]}, {id: "a", service: a}},
		} {
			_, r, err := world(ordered(), parts...).call(t.Context(), chatRequest())
			if provider.AsError(err).Code != provider.CodeUpstream || r.Endpoint != "a" || r.Attempts != 1 || len(r.Tries) != 2 {
				t.Errorf("got %v from %+v", err, r)
			}
		}
		_, r, err := world(ordered(), part{id: "b", offers: operations[1:]}, part{id: "c", missing: fmt.Errorf("no such file")}).call(t.Context(), chatRequest())
		if provider.AsError(err).Code != provider.CodePluginUnavailable || r.Endpoint != "c" || r.Attempts != 0 {
			t.Errorf("refusals alone: %v from %+v", err, r)
		}
	})
}

func TestALongStoryKeepsItsBeginningAndEnd(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var parts []part
		for i := range 30 {
			parts = append(parts, part{id: fmt.Sprintf("e%02d", i), service: always(reply{err: upstream(provider.CodeUpstream)})})
		}
		_, r, err := world(ordered(), parts...).call(t.Context(), chatRequest())
		if err == nil || r.Attempts != 30 || len(r.Tries) != maxTries || r.Tries[0].Endpoint != "e00" || r.Tries[maxTries-1].Endpoint != "e29" {
			t.Errorf("%d attempts, %d told, %v", r.Attempts, len(r.Tries), err)
		}
	})
}

func TestARateLimitedEndpointIsLeftForOneThatAnswersNow(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		limited := upstream(provider.CodeRateLimit)
		limited.RetryAfter = 30 * time.Second
		a := &service{answer: func(n int) reply {
			if n == 1 {
				return reply{err: limited}
			}
			return reply{}
		}}
		b := always(reply{})
		retries := func(p *config.Policy) { p.Retry.Max = 3 }
		h := world(ordered(), part{id: "a", service: a, policy: retries}, part{id: "b", service: b, policy: retries})
		start := time.Now()
		for i, want := range []string{"b", "b"} { // the first meets the limit, the second the shut gate
			if _, r, err := h.call(t.Context(), chatRequest()); err != nil || r.Endpoint != want || time.Since(start) != 0 {
				t.Errorf("request %d: %q after %v, %v", i, r.Endpoint, time.Since(start), err)
			}
		}
		time.Sleep(31 * time.Second)
		if _, r, err := h.call(t.Context(), chatRequest()); err != nil || r.Endpoint != "a" {
			t.Errorf("after the limit: %q, %v", r.Endpoint, err)
		}
		// Where there is no other, it is waited out.
		only := world(ordered(), part{id: "a", service: &service{answer: func(n int) reply {
			if n == 1 {
				return reply{err: limited}
			}
			return reply{}
		}}, policy: retries})
		if _, r, err := only.call(t.Context(), chatRequest()); err != nil || r.Attempts != 2 || r.Total < 30*time.Second {
			t.Errorf("alone: %+v, %v", r, err)
		}
	})
}
