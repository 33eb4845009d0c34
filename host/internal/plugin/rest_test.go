//go:build unix

package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	prog "github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/host/internal/confine"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestALazyProviderStartsWithTheFirstCall(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	spec.Lazy = true
	p, _ := newProvider(t, spec)
	p.Remember(endpointConfig("e", 3, "kept"))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := p.Status(false); now.State != status.ProviderIdle || now.PID != 0 || now.Generation != 0 {
		t.Errorf("before the first call: %+v", now)
	}
	calls := make(chan error, 8)
	for range cap(calls) {
		go func() {
			a, err := call(t.Context(), p, "e", wish{})
			if err == nil && a.Note != "kept" {
				t.Errorf("answer %+v", a)
			}
			calls <- err
		}()
	}
	for range cap(calls) {
		if err := receive(t, calls); err != nil {
			t.Error(err)
		}
	}
	if now := p.Status(false); now.Generation != 1 || now.State != status.ProviderReady {
		t.Errorf("after the first calls: %+v", now)
	}
}

func TestAnIdleProcessIsStoppedAndTheNextCallStartsAnother(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	spec.IdleStop = 50 * time.Millisecond
	p, _ := newProvider(t, spec)
	p.tick = 5 * time.Millisecond
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	first := mustCall(t, p, "e", wish{}).PID
	waitState(t, p, status.ProviderIdle)
	waitGone(t, first)
	if second := mustCall(t, p, "e", wish{}).PID; second == first {
		t.Error("it is the same process")
	}
	if now := p.Status(false); now.Restarts != 0 || now.Crashes != 0 {
		t.Errorf("a stop counts as a crash: %+v", now)
	}
	busy := inFlight(t, p, wish{Do: "sleep"})
	time.Sleep(4 * spec.IdleStop)
	if now := p.Status(false); now.State != status.ProviderReady || len(busy) > 0 {
		t.Errorf("it was stopped with a call in flight: %+v", now)
	}
	kill9(t, p)
	_ = receive(t, busy)
}

func TestCallsThatMeetTheStopOfAnIdleProcessAreServed(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	spec.IdleStop = time.Millisecond
	p, _ := newProvider(t, spec)
	p.tick = time.Millisecond
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	for i := range 30 {
		mustCall(t, p, "e", wish{})
		time.Sleep(time.Duration(i%5) * time.Millisecond)
	}
	if now := p.Status(false); now.Generation < 3 {
		t.Errorf("only %d processes: the stops were not met", now.Generation)
	}
}

func TestAProviderThatCrashesTooOftenIsQuarantinedUntilItIsRestarted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "fixed")
	p, _ := newProvider(t, testSpec(t, modeEnv, "exit-without-file", fileEnv, file))
	p.pauses = func(time.Duration) time.Duration { return time.Millisecond }
	if err := p.Start(t.Context()); err == nil {
		t.Fatal("it started")
	}
	waitState(t, p, status.ProviderQuarantined)
	p.endpoints.remember(endpointConfig("e", 1, ""))
	_, err := call(t.Context(), p, "e", wish{})
	e := wantCode(t, err, provider.CodePluginUnavailable, "quarantined", "5 crashes", "the file is missing", "providers restart test")
	if e.RetryAfter < time.Minute || e.RetryAfter > quarantineTime {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	if now := p.Status(false); now.Crashes != maxCrashes {
		t.Errorf("%d crashes", now.Crashes)
	}
	if _, err := p.Restart(t.Context()); err == nil {
		t.Error("a restart of what is still broken is said to work")
	}
	waitState(t, p, status.ProviderQuarantined)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustCall(t, p, "e", wish{})
}

func TestAChangeBeginsWithoutCrashes(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t))
	p.pauses = func(time.Duration) time.Duration { return time.Millisecond }
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(2) {
		kill9(t, p)
		waitGeneration(t, p, n+2)
	}
	if n := p.Status(false).Crashes; n != 2 {
		t.Fatalf("%d crashes, want 2", n)
	}
	swap(t, p, Change{Spec: testSpec(t, "GOMAXPROCS", "1")})
	if n := p.Status(false).Crashes; n != 0 {
		t.Errorf("what runs now is said to have crashed %d times", n)
	}
}

func TestOldCrashesAreNotCounted(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	synctest.Test(t, func(t *testing.T) {
		s := &supervisor{Provider: New(spec, nil)}
		for range 3 {
			s.crashes.add(time.Now())
			time.Sleep(crashWindow / 2)
		}
		s.noteCrashes()
		if n := s.Status(false).Crashes; n != 2 {
			t.Errorf("%d crashes, want those of the last %v, 2", n, crashWindow)
		}
		time.Sleep(crashWindow)
		if n := s.Status(false).Crashes; n != 0 {
			t.Errorf("after another %v: %d crashes", crashWindow, n)
		}
	})
}

func TestAFailedProviderIsMendedByAChange(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	spec.Settings = provider.NewSettings([]byte(`{"region":"east"}`))
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err == nil {
		t.Fatal("it started")
	}
	waitState(t, p, status.ProviderFailed)
	spec.Settings = provider.NewSettings([]byte(`{"region":"north"}`))
	swap(t, p, Change{Spec: spec})
	open(t, p, "e", 1, "")
	if a := mustCall(t, p, "e", wish{}); a.Region != "north" {
		t.Errorf("answer %+v", a)
	}
}

func TestACrashRestartsTheBytesThatRanAlthoughTheFileIsAnother(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	data, err := os.ReadFile(spec.Path)
	if err != nil {
		t.Fatal(err)
	}
	spec.Path = filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(spec.Path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	if spec.Binary, err = prog.Open(spec.Path); err != nil {
		t.Fatal(err)
	}
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	if err := os.WriteFile(spec.Path, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	kill9(t, p)
	mustCallOrLose(t, p, "e")
	// Nobody has asked for the hash: the supervisor makes it soon after the start.
	now := p.Status(false)
	for range 3000 {
		if len(now.Generations) > 0 && now.Generations[0].SHA256 != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
		now = p.Status(false)
	}
	sum := sha256.Sum256(data)
	if len(now.Generations) == 0 || now.Generations[0].SHA256 != hex.EncodeToString(sum[:]) || now.Generations[0].Kept == "" {
		t.Errorf("generations %+v", now.Generations)
	}
}

func TestAConfinedProcessServesAndItsLevelIsShown(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	var err error
	if spec.Binary, err = prog.Open(spec.Path); err != nil {
		t.Fatal(err)
	}
	spec.Confine = &confine.Policy{Memory: 512 << 20, OpenFiles: 256}
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	a := mustCall(t, p, "e", wish{Do: "env"})
	if !strings.Contains(strings.Join(a.Env, "\n"), "GOMEMLIMIT=") {
		t.Errorf("environment %q", a.Env)
	}
	if runtime.GOOS != "linux" {
		return
	}
	g := p.Status(false).Generations[0]
	if len(g.Confined) < 2 || g.Usage == nil || g.Usage.RSS < 1<<20 || g.Usage.Files < 3 || g.Usage.Threads < 1 {
		t.Errorf("generation %+v, usage %+v", g, g.Usage)
	}
}
