//go:build unix

package plugin

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	prog "github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestARollbackBringsEndpointsBackButNotWhatWasWishedSince(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	open(t, p, "f", 1, "f1")
	swap(t, p, Change{Spec: changed(t, "2.0.0"), Endpoints: []provider.EndpointConfig{endpointConfig("e", 2, "e2"), endpointConfig("f", 2, "f2")}})
	open(t, p, "f", 3, "f3")
	if _, err := p.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := mustCall(t, p, "e", wish{}); a.Note != "" || a.Revision != 3 {
		t.Errorf("e: %+v", a)
	}
	if a := mustCall(t, p, "f", wish{}); a.Note != "f3" || a.Revision != 3 {
		t.Errorf("f: %+v", a)
	}
	if got := p.OpenEndpoints()["e"].Revision; got != 3 {
		t.Errorf("e is remembered with revision %d", got)
	}

	// And forward again, with what the change had brought.
	if _, err := p.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := mustCall(t, p, "e", wish{}); a.Note != "e2" || a.Revision != 4 {
		t.Errorf("e, forward: %+v", a)
	}
}

func TestEveryChangeOfWhatRunsIsTold(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	p, _ := newProvider(t, spec)
	var told atomic.Int64
	p.OnChange(func() { told.Add(1) })
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	want := func(n int64, what string) {
		t.Helper()
		if got := told.Load(); got != n {
			t.Errorf("after %s it was told %d times, want %d", what, got, n)
		}
	}
	want(0, "the start")
	swap(t, p, Change{Spec: changed(t, "2.0.0")})
	want(1, "a swap")
	if _, err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(1, "a restart")
	if _, err := p.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(2, "a rollback")
	if p.ManifestNow().Version != spec.Manifest.Version {
		t.Errorf("manifest %+v", p.ManifestNow())
	}
}

func TestTimesChangeWithoutAProcess(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	keep := func() *prog.Binary {
		b, err := prog.Open(spec.Path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	spec.Binary = keep()
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	before := mustCall(t, p, "e", wish{})
	next := spec
	next.Binary = keep()
	next.IdleStop, next.DrainTimeout = time.Hour, time.Second
	if s := swap(t, p, Change{Spec: next}); s.Changed {
		t.Errorf("%+v", s)
	}
	if after := mustCall(t, p, "e", wish{}); after.PID != before.PID {
		t.Error("a process was started")
	}
	if now := p.Spec(); now.IdleStop != time.Hour || now.DrainTimeout != time.Second || now.Binary != spec.Binary {
		t.Errorf("idle_stop %v, drain_timeout %v", now.IdleStop, now.DrainTimeout)
	}
}

func TestAnEndpointThatLeavesStopsNoSwap(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	open(t, p, "leaves", 1, "")
	change := Change{Spec: changed(t, "2.0.0"), Endpoints: []provider.EndpointConfig{endpointConfig("leaves", 2, "refuse")}}
	if _, err := p.Swap(t.Context(), change); err == nil || !strings.Contains(err.Error(), `"leaves"`) {
		t.Errorf("an endpoint that stays: %v", err)
	}
	change.Spec, change.Leaving = changed(t, "2.0.0"), []string{"leaves"}
	swap(t, p, change)
	mustCall(t, p, "e", wish{})
}
