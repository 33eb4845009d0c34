//go:build unix

package plugin

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	prog "github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRollbackGoesBackToTheBytesThatRanBefore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plugin")
	spec := testSpec(t)
	data, err := os.ReadFile(spec.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	spec.Path = path
	if spec.Binary, err = prog.Open(path); err != nil {
		t.Fatal(err)
	}
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Rollback(t.Context()); err == nil {
		t.Error("there was something to go back to")
	}
	open(t, p, "e", 1, "")
	swap(t, p, Change{Spec: changed(t, "2.0.0")})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s, err := p.Rollback(t.Context())
	if err != nil || s.From.Version != "2.0.0" || s.To.Version != "1.0.0" || s.To.SHA256 != spec.Binary.SHA256() {
		t.Fatalf("%+v, %v", s, err)
	}
	mustCall(t, p, "e", wish{})
	if s, err = p.Rollback(t.Context()); err != nil || s.To.Version != "2.0.0" {
		t.Errorf("the rollback of a rollback: %+v, %v", s, err)
	}
}

func TestACrashOnTrialIsRolledBack(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	swap(t, p, Change{Spec: changed(t, "2.0.0"), Endpoints: []provider.EndpointConfig{endpointConfig("e", 2, "new")}})
	if a := mustCall(t, p, "e", wish{}); a.Note != "new" || a.Revision != 2 {
		t.Errorf("answer %+v", a)
	}
	_, err := call(t.Context(), p, "e", wish{Do: "exit", Count: 5})
	wantCode(t, err, provider.CodePluginUnavailable, "exit status 5")
	if a := mustCall(t, p, "e", wish{}); a.Note != "" || a.Revision != 3 { // revisions never go back
		t.Errorf("the endpoint was not rolled back: %+v", a)
	}
	now := p.Status(false)
	if now.Version != "1.0.0" || now.TrialUntil != nil || now.LastSwap == nil || now.LastSwap.RolledBack == "" || now.State != status.ProviderReady {
		t.Errorf("status %+v, swap %+v", now, now.LastSwap)
	}
}

func TestACrashAfterTheTrialIsAnOrdinaryOne(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	spec := changed(t, "2.0.0")
	spec.Trial = time.Nanosecond
	swap(t, p, Change{Spec: spec})
	eventually(t, "the trial is over", func() bool { return p.Status(false).TrialUntil == nil })
	time.Sleep(2 * time.Millisecond)
	kill9(t, p)
	mustCallOrLose(t, p, "e")
	if now := p.Status(false); now.Version != "2.0.0" || now.LastSwap.RolledBack != "" {
		t.Errorf("status %+v", now)
	}
}

func TestFaultsOnTrialAreRolledBackWithoutALostCall(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t))
	p.tick = 5 * time.Millisecond
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	swap(t, p, Change{Spec: changed(t, "2.0.0")})
	for range faultLimit {
		_, err := p.Call(t.Context(), &provider.Request{Endpoint: "e", Operation: "do", Body: []byte(`{"do":"panic"}`)})
		if e := provider.AsError(err); e == nil || e.Code != provider.CodeInternal || e.Source != provider.SourcePlugin {
			t.Fatalf("a panic in the handler: %v", err)
		}
	}
	eventually(t, "it is rolled back", func() bool { return p.Manifest().Version == "1.0.0" })
	mustCall(t, p, "e", wish{})
	if now := p.Status(false); now.Restarts != 0 || now.LastSwap.RolledBack == "" {
		t.Errorf("status %+v", now)
	}
}

func TestErrorsOfTheServiceAreNoFaultOfTheProcess(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t))
	p.tick = time.Millisecond
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	swap(t, p, Change{Spec: changed(t, "2.0.0")})
	for range 3 * faultLimit {
		if _, err := call(t.Context(), p, "e", wish{Do: "fail"}); err == nil {
			t.Fatal("it did not fail")
		}
	}
	time.Sleep(10 * time.Millisecond)
	if p.Manifest().Version != "2.0.0" {
		t.Error("it was rolled back")
	}
}

func TestAProcessThatDiesWhileItIsReplacedIsStartedAgainFirst(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	spec := changed(t, "2.0.0", modeEnv, "hang")
	result := make(chan error, 1)
	go func() {
		_, err := p.Swap(context.Background(), Change{Spec: spec})
		result <- err
	}()
	eventually(t, "the successor is starting", func() bool { return len(p.Status(false).Generations) == 2 })
	kill9(t, p)
	wantError(t, receive(t, result), "ended meanwhile")
	mustCallOrLose(t, p, "e")
	if p.Manifest().Version != "1.0.0" {
		t.Error("it is the successor")
	}
}

func TestASwapEndsWithItsContextAndWithTheProvider(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	spec := changed(t, "2.0.0", modeEnv, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := p.Swap(ctx, Change{Spec: spec})
		result <- err
	}()
	eventually(t, "the successor is starting", func() bool { return len(p.Status(false).Generations) == 2 })
	cancel()
	wantError(t, receive(t, result), "was not changed")
	mustCall(t, p, "e", wish{})
	shutDown(t, p)
	_, err := p.Swap(t.Context(), Change{Spec: spec})
	wantError(t, err, "stopped")
}

func TestAReplacementOfAnExclusivePluginLetsCallsWait(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	spec.Manifest.Exclusive = true
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	old := mustCall(t, p, "e", wish{}).PID
	next := changed(t, "2.0.0")
	next.Manifest.Exclusive = true
	done := make(chan error, 1)
	go func() {
		for range 50 {
			if _, err := call(context.Background(), p, "e", wish{}); err != nil {
				done <- err
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
		done <- nil
	}()
	s := swap(t, p, Change{Spec: next})
	if err := syscall.Kill(old, 0); err == nil && !gone(old) {
		t.Error("the two processes ran at once")
	}
	if err := receive(t, done); err != nil {
		t.Errorf("a call failed: %v", err)
	}
	if s.To.Version != "2.0.0" {
		t.Errorf("%+v", s.To)
	}
	bad := changed(t, "3.0.0", modeEnv, "exit")
	bad.Manifest.Exclusive = true
	if _, err := p.Swap(t.Context(), Change{Spec: bad}); err == nil {
		t.Fatal("it was taken")
	}
	mustCall(t, p, "e", wish{})
	if p.Manifest().Version != "2.0.0" {
		t.Errorf("version %s", p.Manifest().Version)
	}
}
