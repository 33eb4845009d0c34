//go:build unix

package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	prog "github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// changed is a spec of the test plugin in another version, with pairs of
// environment variables.
func changed(t *testing.T, version string, env ...string) Spec {
	t.Helper()
	spec := testSpec(t, append(env, versionEnv, version)...)
	spec.Manifest.Version = version
	spec.Trial = time.Minute
	return spec
}

func swap(t *testing.T, p *Provider, c Change) status.Swap {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := p.Swap(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASwapReplacesTheProcessAndKeepsTheEndpoints(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	before := mustCall(t, p, "e", wish{})
	s := swap(t, p, Change{Spec: changed(t, "2.0.0")})
	after := mustCall(t, p, "e", wish{})
	if after.PID == before.PID || p.Manifest().Version != "2.0.0" {
		t.Errorf("process %d after %d, version %s", after.PID, before.PID, p.Manifest().Version)
	}
	if !s.Changed || s.From.Version != "1.0.0" || s.From.PID != before.PID || s.To.Version != "2.0.0" || s.To.PID != after.PID || s.To.State != status.GenerationReady {
		t.Errorf("swap %+v, from %+v to %+v", s, s.From, s.To)
	}
	waitGone(t, before.PID)
	now := p.Status(false)
	if now.TrialUntil == nil || now.LastSwap == nil || now.Version != "2.0.0" || now.Restarts != 0 {
		t.Errorf("status %+v", now)
	}
}

func TestARestartMakesANewProcessOfTheSameKind(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	before := mustCall(t, p, "e", wish{})
	if s, err := p.Restart(t.Context()); err != nil || !s.Changed {
		t.Fatalf("%+v, %v", s, err)
	}
	if after := mustCall(t, p, "e", wish{}); after.PID == before.PID {
		t.Error("it is the same process")
	}
	if p.Status(false).TrialUntil != nil {
		t.Error("a restart is on trial")
	}
}

func TestTheSameBytesAndSettingsAreNoChange(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	open := func() *prog.Binary {
		b, err := prog.Open(spec.Path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	spec.Binary = open()
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := spec
	again.Binary = open()
	if s := swap(t, p, Change{Spec: again}); s.Changed || s.To.PID != s.From.PID {
		t.Errorf("%+v", s)
	}
	if _, _, err := again.Binary.Command(0); err == nil {
		t.Error("the bytes of a change that is none are kept")
	}
	again.Env = maps.Clone(spec.Env)
	again.Env["X"] = "1"
	again.Binary = open()
	if s := swap(t, p, Change{Spec: again}); !s.Changed {
		t.Error("another environment is no change")
	}
}

func TestABadSuccessorChangesNothing(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	before := mustCall(t, p, "e", wish{})
	for name, bad := range badSuccessors(t) {
		_, err := p.Swap(t.Context(), Change{Spec: bad.spec})
		wantError(t, err, append(bad.says, `provider "test" was not changed`)...)
		if after := mustCall(t, p, "e", wish{}); after.PID != before.PID {
			t.Fatalf("%s: the process is another", name)
		}
	}
	now := p.Status(false)
	if now.State != status.ProviderReady || now.Version != "1.0.0" || len(now.Generations) != 1 || now.LastSwap != nil {
		t.Errorf("status %+v", now)
	}
}

type successor struct {
	spec Spec
	says []string
}

// badSuccessors are specs whose process never comes to work.
func badSuccessors(t *testing.T) map[string]successor {
	t.Helper()
	mode := func(mode string, says ...string) successor {
		s := changed(t, "2.0.0", modeEnv, mode)
		s.StartTimeout = time.Second
		return successor{s, says}
	}
	otherName := changed(t, "2.0.0")
	otherName.Manifest.Name = "other"
	otherVersion := changed(t, "2.0.0")
	otherVersion.Manifest.Version = "3.0.0"
	settings := changed(t, "2.0.0")
	settings.Settings = provider.NewSettings([]byte(`{"region":"east"}`))
	refusing := filepath.Join(t.TempDir(), "refuse")
	if err := os.WriteFile(refusing, []byte("e"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]successor{
		"noise":            mode("noise-only", "handshake"),
		"hang":             mode("hang", "start_timeout", "taking my time"),
		"exit":             mode("exit", "exit status 3", "cannot find the license"),
		"panic":            mode("panic", "cannot begin"),
		"older protocol":   mode("old-protocol"),
		"deaf":             mode("deaf", "no answer from the plugin"),
		"another name":     {otherName, []string{`"other"`}},
		"another version":  {otherVersion, []string{"2.0.0", "3.0.0"}},
		"refused settings": {settings, []string{"region"}},
		"refused endpoint": {changed(t, "2.0.0", refuseEnv, refusing), []string{`refuses endpoint "e"`, "Not today"}},
		"no such file":     {Spec{Name: "test", Path: "/does/not/exist", Manifest: otherVersion.Manifest}, []string{"/does/not/exist"}},
		"bad environment":  {changed(t, "2.0.0", "PLUGIN_X", "1"), []string{"handshake"}},
		"another provider": {Spec{Name: "other"}, []string{"cannot become"}},
	}
}

func TestSwapsUnderLoadFailNoCallAndCutNoStream(t *testing.T) {
	// Not parallel: it needs the machine.
	p, _ := started(t)
	var stop atomic.Bool
	var calls, streams, failed atomic.Int64
	var load sync.WaitGroup
	fail := func(err error) {
		if failed.Add(1) < 5 {
			t.Error(err)
		}
	}
	for range 64 {
		load.Go(func() {
			for !stop.Load() {
				if _, err := call(context.Background(), p, "e", wish{}); err != nil {
					fail(err)
				}
				calls.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range 16 {
		load.Go(func() {
			for !stop.Load() {
				if err := readSlowly(p, 20); err != nil {
					fail(err)
				}
				streams.Add(1)
			}
		})
	}
	swaps, refused := 60, 0
	bad := badSuccessors(t)
	kinds := slices.Sorted(maps.Keys(bad))
	for i := range swaps {
		if i%4 == 0 && refused < len(kinds) {
			kind := kinds[refused]
			if _, err := p.Swap(t.Context(), Change{Spec: bad[kind].spec}); err == nil {
				t.Errorf("%s was taken", kind)
			}
			refused++
			continue
		}
		swap(t, p, Change{Spec: changed(t, fmt.Sprintf("2.0.%d", i))})
	}
	stop.Store(true)
	load.Wait()
	if failed.Load() > 0 || calls.Load() == 0 || streams.Load() == 0 || refused < len(kinds) {
		t.Errorf("%d of %d calls and %d streams failed, %d bad successors", failed.Load(), calls.Load(), streams.Load(), refused)
	}
	t.Logf("%d calls and %d streams over %d swaps, %d of them to bad successors: %d failed", calls.Load(), streams.Load(), swaps, refused, failed.Load())
}

// readSlowly reads a stream of n chunks with pauses, and checks that it is whole
// and from one process.
func readSlowly(p *Provider, n int) error {
	s, err := p.Stream(context.Background(), request("e", wish{Count: n}))
	if err != nil {
		return err
	}
	defer s.Close()
	got, first := 0, ""
	for {
		ev, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("after %d chunks: %w", got, err)
		}
		for _, chunk := range ev.Chunks {
			pid, _, _ := strings.Cut(string(chunk), ",")
			if first == "" {
				first = pid
			}
			if want := fmt.Sprintf(`%s,"n":%d}`, first, got); string(chunk) != want {
				return fmt.Errorf("chunk %s, want %s", chunk, want)
			}
			got++
			time.Sleep(5 * time.Millisecond)
		}
	}
	if got != n {
		return fmt.Errorf("a stream of %d chunks ended after %d", n, got)
	}
	return nil
}

func TestAStreamFinishesWhereItBegan(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	old := mustCall(t, p, "e", wish{}).PID
	result := inFlight(t, p, wish{Do: "sleep"})
	swap(t, p, Change{Spec: changed(t, "2.0.0")})
	now := p.Status(false)
	if len(now.Generations) != 2 || now.Generations[1].State != status.GenerationDraining || now.Generations[1].PID != old || now.Generations[1].InFlight != 1 {
		t.Errorf("generations %+v", now.Generations)
	}
	if gone(old) || len(result) > 0 {
		t.Error("the old process did not wait for its call")
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil { // the only way to end this call
		t.Fatal(err)
	}
	wantCode(t, receive(t, result), provider.CodePluginUnavailable, "signal: killed")
	eventually(t, "the old generation is gone", func() bool { return len(p.Status(false).Generations) == 1 })
	if now := p.Status(false); now.State != status.ProviderReady || now.Restarts != 0 {
		t.Errorf("the end of a replaced process counts: %+v", now)
	}
}

func TestADrainTimeoutCutsCallsWithAnErrorThatCanBeRetried(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	spec.DrainTimeout = 100 * time.Millisecond
	p, _ := newProvider(t, spec)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	result := inFlight(t, p, wish{Do: "sleep"})
	swap(t, p, Change{Spec: changed(t, "2.0.0")})
	e := wantCode(t, receive(t, result), provider.CodePluginUnavailable, "drain_timeout of 100ms")
	if !e.IsTransient() {
		t.Error("it is not to be retried")
	}
}

func TestASwapWaitsForReplacedProcessesToFinishTheirCalls(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	var calls []<-chan error
	for i := range maxDraining + 3 {
		calls = append(calls, inFlight(t, p, wish{Do: "nap"}))
		swap(t, p, Change{Spec: changed(t, fmt.Sprintf("2.0.%d", i))})
	}
	for i, call := range calls {
		if err := receive(t, call); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestReplacedProcessesThatDoNotFinishAreBounded(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t))
	p.patience = 50 * time.Millisecond
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	first := inFlight(t, p, wish{Do: "sleep"})
	for i := range maxDraining + 1 {
		swap(t, p, Change{Spec: changed(t, fmt.Sprintf("2.0.%d", i))})
		if i < maxDraining {
			inFlight(t, p, wish{Do: "sleep"})
		}
	}
	wantCode(t, receive(t, first), provider.CodePluginUnavailable, "replaced too often")
	if n := len(p.Status(false).Generations); n > 1+maxDraining+1 {
		t.Errorf("%d generations", n)
	}
}
