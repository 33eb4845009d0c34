package plugin

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func newIdleGeneration() *generation {
	return &generation{spec: Spec{Name: "x"}, drained: make(chan struct{}), suspect: make(chan struct{}, 1)}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestLeasesFollowTheirModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newIdleGeneration()
		held, draining := 0, false
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				if got, want := g.acquire(), !draining; got != want {
					t.Fatalf("acquire = %v, want %v", got, want)
				}
				if !draining {
					held++
				}
			},
			"release": func(t *rapid.T) {
				if held == 0 {
					t.Skip("nothing is held")
				}
				g.release()
				held--
			},
			"drain": func(*rapid.T) { g.drain(); draining = true },
			"": func(t *rapid.T) {
				if got := g.inFlight(); got != held {
					t.Fatalf("inFlight = %d, want %d", got, held)
				}
				if got, want := isClosed(g.drained), draining && held == 0; got != want {
					t.Fatalf("drained = %v, want %v", got, want)
				}
			},
		})
	})
}

func TestNoLeaseIsOutOnceDrained(t *testing.T) {
	t.Parallel()
	for range 200 {
		g := newIdleGeneration()
		var busy atomic.Int64
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for g.acquire() {
					busy.Add(1)
					busy.Add(-1)
					g.release()
				}
			})
		}
		g.drain()
		<-g.drained
		if n := busy.Load(); n != 0 {
			t.Fatalf("%d callers hold a lease of a drained generation", n)
		}
		callers.Wait()
		if n := g.inFlight(); n != 0 {
			t.Fatalf("%d leases are left", n)
		}
	}
}

func TestARefusedEndpointAnswersWithItsReason(t *testing.T) {
	t.Parallel()
	g := newIdleGeneration()
	g.setRefused("a", "base_url: required")
	g.setRefused("b", "other")
	err := g.refusal("a")
	wantError(t, err, `endpoint "a"`, "base_url: required")
	if e := provider.AsError(err); e.Code != provider.CodePluginUnavailable || e.Source != provider.SourceHost || e.IsTransient() {
		t.Errorf("got %+v", e)
	}
	g.setRefused("a", "")
	if err := g.refusal("a"); err != nil {
		t.Errorf("after it was accepted: %v", err)
	}
	if err := g.refusal("b"); err == nil || strings.Contains(err.Error(), "base_url") {
		t.Errorf("b: %v", err)
	}
	g.setRefused("b", "")
	if g.refused.Load() != nil {
		t.Error("an empty map is kept")
	}
}
