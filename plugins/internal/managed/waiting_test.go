//go:build unix

package managed_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAStreamWaitsForTheServerAsACallDoes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil, "--load", "500ms"))
	got, err := plugintest.Stream(t, l.Conn, plugintest.Request(provider.OpChat, chat))
	if err != nil || len(got.Chunks) == 0 || got.Finish.Reason != "stop" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestATestOfTheEndpointStartsTheServer(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil))
	if err := l.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Error(err)
	}
	if st := l.status(t, "e"); st.State != managed.Ready {
		t.Errorf("got %+v", st)
	}
}

func TestAQuestionForHealthStartsNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil))
	_, err := l.call(t, "e", "health", `{}`)
	plugintest.WantError(t, err, provider.CodeUnreachable)
	if st := l.status(t, "e"); st.State != managed.Stopped || len(managedtest.Starts(t, l.starts)) != 0 {
		t.Errorf("got %+v", st)
	}
	l.mustCall(t, "e", managed.OpStart, `{"wait":true}`)
	l.mustCall(t, "e", "health", `{}`)
}

func TestWhoLeavesDoesNotStopTheStart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil, "--load", "800ms"))
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := l.Call(ctx, plugintest.Request(provider.OpChat, chat))
		ended <- err
	}()
	l.await(t, "e", managed.Starting)
	leave()
	begin := time.Now()
	if e := provider.AsError(<-ended); e == nil || e.Code != provider.CodeCanceled || time.Since(begin) > time.Second {
		t.Errorf("got %v after %v", e, time.Since(begin))
	}
	if st := l.await(t, "e", managed.Ready); st.InFlight != 0 || len(managedtest.Starts(t, l.starts)) != 1 {
		t.Errorf("got %+v", st)
	}
}

func TestAServerIsStoppedWhileItLoads(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil, "--load", "20s"))
	waiting := make(chan error, 1)
	go func() {
		_, err := l.Call(t.Context(), plugintest.Request(provider.OpChat, chat))
		waiting <- err
	}()
	managedtest.Eventually(t, "it says that it loads", func() bool {
		return strings.HasPrefix(l.status(t, "e").Message, "loading weights")
	})
	pid := l.status(t, "e").PID
	if st := statusOf(t, l.mustCall(t, "e", managed.OpStop, `{}`).Body); st.State != managed.Stopped || alive(pid) {
		t.Errorf("got %+v", st)
	}
	plugintest.WantError(t, <-waiting, provider.CodeConflict)
}

func TestAServerThatIsCalledIsNotIdle(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"idle_stop": "300ms"}))
	l.mustCall(t, "e", provider.OpChat, chat)
	ctx, leave := context.WithTimeout(t.Context(), time.Second)
	defer leave()
	slow := plugintest.Request("score", `{"model":"m"}`)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Call(ctx, slow) // the fake answers it when the caller has left
		ended <- err
	}()
	time.Sleep(700 * time.Millisecond)
	if st := l.status(t, "e"); st.State != managed.Ready || st.InFlight != 1 {
		t.Errorf("got %+v", st)
	}
	<-ended
	l.await(t, "e", managed.Stopped)
}
