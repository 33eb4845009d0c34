package host

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestACircuitThatIsOpenedByHandSendsRequestsElsewhere(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a, b := always(reply{after: time.Second}), always(reply{after: time.Second})
		h := world(ordered(), part{id: "a", service: a}, part{id: "b", service: b})
		if err := h.OpenCircuit("a", "maintenance", 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		x, err := h.Explain("a")
		if err != nil || !strings.Contains(x.Verdict, "maintenance") || x.Circuit.State != status.CircuitOpen ||
			x.Circuit.RetryAt == nil || time.Until(*x.Circuit.RetryAt) != 10*time.Minute {
			t.Errorf("explained as %+v, %v", x, err)
		}
		if _, err := h.Call(t.Context(), chatRequest()); err != nil {
			t.Error(err)
		}
		if err := h.CloseCircuit("a", "done"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Call(t.Context(), chatRequest()); err != nil {
			t.Error(err)
		}
		asked, _ := a.count()
		instead, _ := b.count()
		if asked != 1 || instead != 1 {
			t.Errorf("a was asked %d times, b %d times, want once each", asked, instead)
		}
		for _, err := range []error{h.OpenCircuit("c", "", 0), h.CloseCircuit("c", "")} {
			if provider.AsError(err).Code != provider.CodeNotFound {
				t.Errorf("an unknown endpoint: %v", err)
			}
		}
		wantQuiet(t, h, a, b)
	})
}

func TestARequestIsRememberedByEachEndpointThatTookIt(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a, b := always(reply{after: time.Second, err: upstream(provider.CodeUpstream)}), always(reply{after: 2 * time.Second})
		h := world(ordered(), part{id: "a", service: a}, part{id: "b", service: b})
		for _, id := range []string{"first", "second"} {
			req := chatRequest()
			req.RequestID = id
			if _, err := h.Call(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		got := h.Recent(status.RequestFilter{ID: "second"})
		if len(got) != 2 || got[0].Endpoint != "b" || got[1].Endpoint != "a" {
			t.Fatalf("%+v", got)
		}
		for i, want := range []status.Try{
			{Endpoint: "b", Provider: "fake", Number: 1, Permit: status.CircuitClosed, Duration: 2 * time.Second, At: got[0].At},
			{Endpoint: "a", Provider: "fake", Number: 1, Permit: status.CircuitClosed, Duration: time.Second, At: got[1].At, Code: provider.CodeUpstream},
		} {
			tries := got[i].Tries
			if len(tries) != 1 {
				t.Fatalf("the tries of %s are %+v", want.Endpoint, tries)
			}
			tries[0].Error, tries[0].Next = "", ""
			if tries[0] != want || got[i].ProviderTime != want.Duration || got[i].Provider != "fake" {
				t.Errorf("got %+v, want %+v", tries[0], want)
			}
		}
		if got := h.Recent(status.RequestFilter{Code: status.CodeFailed}); len(got) != 2 || got[0].ID != "second" || got[1].ID != "first" {
			t.Errorf("the failures are %+v", got)
		}
		if got := h.Recent(status.RequestFilter{Endpoint: "b", Limit: 1}); len(got) != 1 || got[0].ID != "second" {
			t.Errorf("the latest of b is %+v", got)
		}
	})
}

func TestTheMetricsSourceKnowsAllEndpointsPolicies(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		slow := always(reply{after: time.Minute})
		one := func(p *config.Policy) { p.Queue.MaxConcurrent, p.Queue.Size = 1, 1 }
		h := world(ordered(), part{id: "a", service: slow, policy: one}, part{id: "b", service: always(reply{})})
		for range 3 {
			req := chatRequest()
			req.Endpoint = "a"
			go func() { _, _ = h.Call(t.Context(), req) }() // two are taken, one is refused
		}
		synctest.Wait()
		time.Sleep(time.Second)
		source := h.metricsSource()
		all := source.Explain()
		if len(all) != 2 || all[0].Endpoint != "a" || all[1].Endpoint != "b" || all[0].Queue.Waiting != 1 || all[0].Queue.Oldest != time.Second || all[0].Queue.MaxConcurrent != 1 {
			t.Errorf("%+v", all)
		}
		if s := source.Stats(); s[0].Refused[status.RefusedFull] != 1 || s[1].Refused != nil {
			t.Errorf("refused %v and %v", s[0].Refused, s[1].Refused)
		}
		time.Sleep(time.Hour)
	})
}
