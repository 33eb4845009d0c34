//go:build unix

package plugin

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAFrozenProcessIsKilledInBoundedTime(t *testing.T) {
	t.Parallel()
	p, out := started(t)
	pid := p.Status(false).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	shutDown(t, p)
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("Shutdown took %v", took)
	}
	waitGone(t, pid)
	waitLog(t, out, "does not end when asked to")
	if s := p.Status(false); s.LastExit != "signal: killed" && s.LastExit != "signal: terminated" {
		t.Errorf("last exit is %q", s.LastExit)
	}
}

func TestAnEndedContextKillsAtOnce(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	running := inFlight(t, p, wish{Do: "sleep"})
	pid := p.Status(false).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := p.Shutdown(canceled(t)); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Shutdown took %v", took)
	}
	waitGone(t, pid)
	wantCode(t, receive(t, running), provider.CodeShutdown, "was stopped before the call ended")
}

func TestShutdownLetsCallsFinish(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	stream, err := p.Stream(t.Context(), request("e", wish{Do: "sleep", Count: 1}))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Shutdown(context.Background()) }()
	waitState(t, p, status.ProviderStopped)
	_, err = call(t.Context(), p, "e", wish{})
	wantCode(t, err, provider.CodeShutdown)
	for range 2 { // started, data
		if _, err := stream.Next(); err != nil {
			t.Errorf("the stream broke: %v", err)
		}
	}
	if len(done) > 0 {
		t.Error("Shutdown did not wait for the stream")
	}
	stream.Close()
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
	if s := p.Status(false); s.LastExit != "exit status 0" {
		t.Errorf("last exit is %q", s.LastExit)
	}
}

func TestShutdownCutsACallThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	running := inFlight(t, p, wish{Do: "sleep"})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	wantCode(t, receive(t, running), provider.CodeShutdown, "was stopped before the call ended")
}

func TestAStoppedCallIsNotRetried(t *testing.T) {
	t.Parallel()
	g := newIdleGeneration()
	if e := provider.AsError(g.stopped(nil)); e.IsTransient() || !strings.Contains(e.Message, `"x"`) {
		t.Errorf("got %+v", e)
	}
}
