//go:build unix

package plugin

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// kill9 kills the provider's process and returns its id.
func kill9(t *testing.T, p *Provider) int {
	t.Helper()
	g := p.current.Load()
	if g == nil {
		t.Fatal("there is no process to kill")
	}
	pid := g.proc.pid()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return pid
}

// waitGeneration waits until a process with the given number takes calls.
func waitGeneration(t *testing.T, p *Provider, n uint64) {
	t.Helper()
	eventually(t, "the next process is ready", func() bool {
		s := p.Status(false)
		return s.Generation >= n && s.State == status.ProviderReady
	})
}

func TestAKilledProcessIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	p, out := started(t)
	var asked, answered, lost atomic.Int64
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				asked.Add(1)
				a, err := call(context.Background(), p, "e", wish{})
				switch e := provider.AsError(err); {
				case err == nil && a.PID != 0:
					answered.Add(1)
				case err != nil && e.Code == provider.CodePluginUnavailable && e.Source == provider.SourceHost && strings.Contains(e.Message, "signal: killed"):
					lost.Add(1)
				default:
					t.Errorf("got %+v, %v", a, err)
				}
			}
		})
	}
	for n := uint64(1); n <= 2; n++ {
		waitGeneration(t, p, n)
		before := answered.Load()
		eventually(t, "there is load", func() bool { return answered.Load() > before+50 })
		waitGone(t, kill9(t, p))
	}
	waitGeneration(t, p, 3)
	mustCall(t, p, "e", wish{})
	close(stop)
	callers.Wait()
	if asked.Load() != answered.Load()+lost.Load() {
		t.Errorf("%d calls, %d answers, %d failures", asked.Load(), answered.Load(), lost.Load())
	}
	s := p.Status(true)
	if s.Restarts != 2 || s.LastExit != "signal: killed" || s.InFlight != 0 {
		t.Errorf("status is %+v", s)
	}
	waitLog(t, out, "provider process ended unexpectedly", "exit=\"signal: killed")
}

func TestTheNextCallAfterAKillIsServedSoon(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	running := inFlight(t, p, wish{Do: "sleep"})
	pid := kill9(t, p)
	begin := time.Now()
	wantCode(t, receive(t, running), provider.CodePluginUnavailable, "ended during the call: signal: killed")
	if a := mustCall(t, p, "e", wish{}); a.PID == pid {
		t.Errorf("process %d was killed, and answers", pid)
	}
	// On an idle machine it takes a tenth of a second. The bound only tells an
	// immediate restart from one after backoff or a timeout.
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the next answer came after %v", took)
	}
}

func TestEveryKindOfCallLearnsHowItsProcessEnded(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	stream, err := p.Stream(t.Context(), request("e", wish{Do: "sleep", Count: 1}))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for event := (provider.Event{}); event.Kind != provider.EventData; {
		if event, err = stream.Next(); err != nil {
			t.Fatal(err)
		}
	}
	transfer, err := p.Transfer(t.Context(), &provider.TransferRequest{Request: provider.Request{Endpoint: "e", Operation: "copy", Body: []byte(`{"do":"sleep"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = transfer.Body.Close() }()
	waiting := inFlight(t, p, wish{Do: "sleep"})

	_, err = call(t.Context(), p, "e", wish{Do: "crash", Text: "the sky"})
	want := []string{`provider "test"`, "exit status 2", "panic: boom: the sky"}
	wantCode(t, err, provider.CodePluginUnavailable, want...)
	wantCode(t, receive(t, waiting), provider.CodePluginUnavailable, want...)
	_, err = stream.Next()
	wantCode(t, err, provider.CodePluginUnavailable, want...)
	_, err = io.ReadAll(transfer.Body)
	wantCode(t, err, provider.CodePluginUnavailable, want...)

	waitGeneration(t, p, 2)
	s := p.Status(true)
	if s.LastExit != "exit status 2" || !strings.Contains(strings.Join(s.Log, "\n"), "panic: boom: the sky") || s.InFlight != 0 {
		t.Errorf("status is %+v", s)
	}
}

func TestACrashLoopIsSlowedDown(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t, modeEnv, "crash-soon"))
	_ = p.Start(t.Context()) // it may crash before or after it is ready
	var delays []time.Duration
	seen := map[time.Time]bool{}
	eventually(t, "there were three delays", func() bool {
		now, _ := p.state.get()
		delay := now.next.Sub(now.since)
		if now.name == status.ProviderBackoff && delay > 100*time.Millisecond && !seen[now.next] {
			seen[now.next] = true
			delays = append(delays, delay)
		}
		return len(delays) == 3
	})
	for i, want := range []time.Duration{backoffFirst, 2 * backoffFirst, 4 * backoffFirst} {
		if !near(delays[i].Round(10*time.Millisecond), want) {
			t.Errorf("delays are %v", delays)
			break
		}
	}
	if s := p.Status(false); s.State == status.ProviderBackoff && !strings.Contains(s.Reason, "exit status 7") {
		t.Errorf("reason is %q", s.Reason)
	}
}

func TestACallInALongBackoffIsToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t))
	p.state.set(status.ProviderBackoff, "it crashed", time.Now().Add(time.Minute))
	_, err := call(t.Context(), p, "e", wish{})
	e := wantCode(t, err, provider.CodePluginUnavailable, "to start again: it crashed")
	if e.RetryAfter < 50*time.Second || e.RetryAfter > time.Minute || !e.IsTransient() {
		t.Errorf("got %+v", e)
	}
}

func TestEndpointsAreOpenAgainBeforeTraffic(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	ids := []string{"a", "b", "c", "d", "f", "g", "h", "i", "j", "k"}
	for i, id := range ids {
		open(t, p, id, uint64(i+1), "note of "+id)
	}
	open(t, p, "a", 100, "changed")
	if err := p.CloseEndpoint(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	for n := uint64(2); n <= 3; n++ {
		kill9(t, p)
		for i, id := range ids[2:] {
			a := mustCallOrLose(t, p, id)
			if a.Note != "note of "+id || a.Revision != uint64(i+3) {
				t.Errorf("generation %d, endpoint %s: %+v", n, id, a)
			}
		}
		if a := mustCallOrLose(t, p, "a"); a.Note != "changed" || a.Revision != 100 {
			t.Errorf("generation %d, endpoint a: %+v", n, a)
		}
		waitGeneration(t, p, n)
	}
	_, err := call(t.Context(), p, "b", wish{})
	if e := provider.AsError(err); err == nil || e.Code != provider.CodeNotFound {
		t.Errorf("a closed endpoint answers %v", err)
	}
}

// mustCallOrLose calls until the answer comes; only a lost process may be the
// reason why it did not.
func mustCallOrLose(t *testing.T, p *Provider, id string) answer {
	t.Helper()
	for {
		a, err := call(t.Context(), p, id, wish{})
		if err == nil {
			return a
		}
		if e := provider.AsError(err); e.Code != provider.CodePluginUnavailable {
			t.Fatalf("endpoint %s: %v", id, err)
		}
	}
}

func TestAnEndpointThatTheNewProcessRefusesIsMarked(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "refuse")
	p, out := started(t, refuseEnv, file)
	open(t, p, "fine", 1, "")
	if err := os.WriteFile(file, []byte("e"), 0o600); err != nil {
		t.Fatal(err)
	}
	kill9(t, p)
	waitGeneration(t, p, 2)
	mustCall(t, p, "fine", wish{})
	_, err := call(t.Context(), p, "e", wish{})
	wantCode(t, err, provider.CodePluginUnavailable, `refused endpoint "e"`, "note: Not today")
	waitLog(t, out, "endpoint was refused by the provider's new process")

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 2, "again")
	if a := mustCall(t, p, "e", wish{}); a.Note != "again" {
		t.Errorf("got %+v", a)
	}
}

func TestARefusedChangeLeavesTheEndpointAsItWas(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	open(t, p, "x", 1, "good")
	diags, err := p.OpenEndpoint(t.Context(), endpointConfig("x", 2, "refuse"))
	if err != nil || len(diags) != 1 || diags[0].Summary != "Refused" {
		t.Fatalf("got %v, %v", diags, err)
	}
	diags, err = p.OpenEndpoint(t.Context(), endpointConfig("new", 1, "refuse"))
	if err != nil || len(diags) != 1 {
		t.Fatalf("got %v, %v", diags, err)
	}
	for _, n := range []uint64{1, 2} {
		waitGeneration(t, p, n)
		if a := mustCall(t, p, "x", wish{}); a.Note != "good" || a.Revision != 1 {
			t.Errorf("generation %d: %+v", n, a)
		}
		if s := p.Status(false); len(s.Endpoints) != 2 {
			t.Errorf("endpoints are %v", s.Endpoints)
		}
		if n == 1 {
			kill9(t, p)
		}
	}
}

func TestAnEndpointThatCrashesThePluginIsNotRemembered(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	_, err := p.OpenEndpoint(t.Context(), endpointConfig("bad", 1, "exit"))
	wantCode(t, err, provider.CodePluginUnavailable, "exit status 9")
	waitGeneration(t, p, 2)
	mustCall(t, p, "e", wish{})
	if s := p.Status(false); len(s.Endpoints) != 1 {
		t.Errorf("endpoints are %v", s.Endpoints)
	}
}

func TestAHangingOpenIsBounded(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	begin := time.Now()
	_, err := p.OpenEndpoint(t.Context(), endpointConfig("slow", 1, "hang"))
	if e := provider.AsError(err); err == nil || e.Code != provider.CodeTimeout {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("it took %v", took)
	}
	mustCall(t, p, "e", wish{})
}

func TestAProcessThatLostItsConnectionsIsReplaced(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	_, err := call(t.Context(), p, "e", wish{Do: "cut"})
	wantCode(t, err, provider.CodePluginUnavailable)
	waitGeneration(t, p, 2)
	mustCall(t, p, "e", wish{})
}

func TestAFrozenProcessIsReplaced(t *testing.T) {
	t.Parallel()
	p, out := newProvider(t, testSpec(t))
	p.probeEvery = 50 * time.Millisecond
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	running := inFlight(t, p, wish{Do: "sleep"})
	if err := syscall.Kill(p.Status(false).PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wantCode(t, receive(t, running), provider.CodePluginUnavailable, "signal: killed by the host, since it did not answer 3 times in a row")
	waitGeneration(t, p, 2)
	mustCall(t, p, "e", wish{})
	waitLog(t, out, "did not answer 3 times in a row")
}

func TestAClosedEndpointCanBeOpenedAgainAtALowerRevision(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	open(t, p, "x", 7, "old")
	kill9(t, p)
	// Most likely this meets the process that is being given its endpoints.
	if err := p.CloseEndpoint(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	waitGeneration(t, p, 2)
	open(t, p, "x", 1, "new")
	if a := mustCall(t, p, "x", wish{}); a.Note != "new" || a.Revision != 1 {
		t.Errorf("got %+v", a)
	}
	if err := p.CloseEndpoint(t.Context(), "never opened"); err != nil {
		t.Error(err)
	}
}

func TestADescendantThatHoldsTheOutputDelaysNothing(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	child := mustCall(t, p, "e", wish{Do: "child"}).Child
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
	begin := time.Now()
	kill9(t, p)
	waitGeneration(t, p, 2)
	shutDown(t, p)
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("restart and end took %v", took)
	}
	if gone(child) {
		t.Error("the child is gone, so the test shows nothing")
	}
}

func TestAnOpenWhileTheProcessIsReplacedIsNotLost(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	var opened []string
	for i := range 20 {
		id := string(rune('A' + i))
		if i%8 == 4 {
			kill9(t, p)
		}
		diags, err := p.OpenEndpoint(t.Context(), endpointConfig(id, 1, id))
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		if err == nil {
			opened = append(opened, id)
		} else if e := provider.AsError(err); e.Code != provider.CodePluginUnavailable {
			t.Fatal(err)
		}
	}
	for _, id := range opened {
		if a := mustCallOrLose(t, p, id); a.Note != id {
			t.Errorf("endpoint %s: %+v", id, a)
		}
	}
	if len(opened) < 10 {
		t.Errorf("only %d endpoints were opened", len(opened))
	}
}

func TestErrorsOfALostProcessKeepTheirCause(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	_, err := call(t.Context(), p, "e", wish{Do: "exit", Count: 5})
	wantCode(t, err, provider.CodePluginUnavailable, "exit status 5")
	if errors.Unwrap(err) == nil {
		t.Errorf("%v has no cause", err)
	}
}
