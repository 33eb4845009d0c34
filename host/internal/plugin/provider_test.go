//go:build unix

package plugin

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAProviderServesAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	spec.Settings = provider.NewSettings([]byte(`{"region":"north"}`))
	p, _ := newProvider(t, spec)
	if s := p.Status(true); s.State != status.ProviderStopped || s.Reason != "not started yet" || s.Endpoints == nil {
		t.Errorf("before the start: %+v", s)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 3, "hello")

	a := mustCall(t, p, "e", wish{})
	s := p.Status(true)
	if a.Note != "hello" || a.Revision != 3 || a.Region != "north" || a.PID != s.PID {
		t.Errorf("got %+v from %d", a, s.PID)
	}
	if s.State != status.ProviderReady || s.Generation != 1 || s.Restarts != 0 || s.InFlight != 0 || s.Version != "1.0.0" || !slices.Equal(s.Endpoints, []string{"e"}) || s.Manifest == nil {
		t.Errorf("status is %+v", s)
	}
	dir := p.current.Load().proc.dir.path
	shutDown(t, p)
	shutDown(t, p) // a second time is fine
	waitGone(t, a.PID)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
	if s := p.Status(false); s.State != status.ProviderStopped || s.PID != 0 || s.LastExit != "exit status 0" {
		t.Errorf("after the end: %+v", s)
	}
	_, err := call(t.Context(), p, "e", wish{})
	wantCode(t, err, provider.CodeShutdown, `provider "test" is stopped`)
	wantError(t, p.Start(t.Context()), "stopped and cannot be started again")
}

func TestShutdownWithoutStartIsFine(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t))
	shutDown(t, p)
	wantError(t, p.Start(t.Context()), "stopped")
}

func TestASecondStartIsRefused(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	wantError(t, p.Start(t.Context()), "started already")
}

func TestAStreamHoldsItsProcessUntilTheEnd(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	s, err := p.Stream(t.Context(), request("e", wish{Count: 3}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := p.Status(false).InFlight; n != 1 {
		t.Errorf("%d calls in flight, want 1", n)
	}
	chunks := 0
	for {
		event, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		chunks += len(event.Chunks)
		if n := p.Status(false).InFlight; event.Kind == provider.EventFinished && n != 0 {
			t.Errorf("%d calls in flight after the terminal event", n)
		}
	}
	if chunks != 3 {
		t.Errorf("got %d chunks, want 3", chunks)
	}
}

func TestClosingAStreamOrABodyGivesTheLeaseBackOnce(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	s, err := p.Stream(t.Context(), request("e", wish{Do: "sleep", Count: 1}))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.Transfer(t.Context(), &provider.TransferRequest{Request: provider.Request{Endpoint: "e", Operation: "copy", Body: []byte(`{"do":"sleep"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.Close()
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := p.Status(false).InFlight; n != 0 {
		t.Errorf("%d calls in flight", n)
	}
	mustCall(t, p, "e", wish{})
}

func TestATransferCarriesBytesBothWays(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	want := strings.Repeat("some bytes ", 100_000)
	resp, err := p.Transfer(t.Context(), &provider.TransferRequest{
		Request: provider.Request{Endpoint: "e", Operation: "copy", Body: []byte("{}")},
		Data:    strings.NewReader(want), DataLength: int64(len(want)),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != want || resp.Finish == nil {
		t.Errorf("got %d bytes, finish %v, %v", len(got), resp.Finish, err)
	}
	if n := p.Status(false).InFlight; n != 0 {
		t.Errorf("%d calls in flight at the end", n)
	}
}

func TestTestEndpointAsksThePlugin(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	open(t, p, "bad", 1, "bad")
	if err := p.TestEndpoint(t.Context(), &provider.Request{Endpoint: "e"}); err != nil {
		t.Error(err)
	}
	err := p.TestEndpoint(t.Context(), &provider.Request{Endpoint: "bad"})
	if e := provider.AsError(err); err == nil || e.Code != provider.CodeAuth {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfThePluginPassUnchanged(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	_, err := call(t.Context(), p, "e", wish{Do: "fail", Text: "too busy"})
	if e := provider.AsError(err); err == nil || e.Code != provider.CodeOverloaded || e.Source != provider.SourceUpstream || e.Message != "too busy" {
		t.Errorf("got %+v", e)
	}
}

func TestThePluginSeesNothingOfTheHost(t *testing.T) {
	t.Setenv("BACKPLANE_TEST_SECRET", "leaked")
	t.Setenv("OPENAI_API_KEY", "leaked")
	p, _ := started(t, "GOMEMLIMIT", "512MiB")
	a := mustCall(t, p, "e", wish{Do: "env"})
	dir := p.current.Load().proc.dir
	allowed := []string{
		"PATH", "TZ", "LANG", "LC_ALL", "TMPDIR", "GOMEMLIMIT", "BACKPLANE_LOG_LEVEL", "BACKPLANE_PLUGIN", "BACKPLANE_LIFELINE_FD",
		"PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_CLIENT_CERT", "PLUGIN_UNIX_SOCKET_DIR", "PWD", "GORACE", "GOCOVERDIR",
	}
	for _, pair := range a.Env {
		name, value, _ := strings.Cut(pair, "=")
		if !slices.Contains(allowed, name) || strings.Contains(value, "leaked") {
			t.Errorf("the plugin sees %q", pair)
		}
	}
	for _, want := range []string{"GOMEMLIMIT=512MiB", "TMPDIR=" + dir.tmp, "BACKPLANE_LIFELINE_FD=3"} {
		if !slices.Contains(a.Env, want) {
			t.Errorf("the plugin does not see %q", want)
		}
	}
	if a.Stdin != "" {
		t.Errorf("standard input gave %q", a.Stdin)
	}
	if got, err := filepath.EvalSymlinks(a.Dir); err != nil || got != dir.tmp {
		t.Errorf("it runs in %q, want %q", a.Dir, dir.tmp)
	}
}

func TestACallWaitsForTheFirstStart(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t))
	first := make(chan error, 1)
	p.endpoints.remember(endpointConfig("e", 1, "")) // as after an OpenEndpoint without a process
	p.state.set(status.ProviderStarting, "", time.Time{})
	go func() {
		_, err := call(context.Background(), p, "e", wish{})
		first <- err
	}()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, first); err != nil {
		t.Error(err)
	}
}

func TestAWaitingCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t, modeEnv, "hang"))
	go func() { _ = p.Start(context.Background()) }()
	waitState(t, p, status.ProviderStarting)

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := call(ctx, p, "e", wish{})
	if e := provider.AsError(err); err == nil || e.Code != provider.CodeCanceled || e.Source != provider.SourceCaller {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = call(ctx, p, "e", wish{})
	if e := wantCode(t, err, provider.CodePluginUnavailable, "is starting"); e.RetryAfter <= 0 {
		t.Errorf("no RetryAfter: %+v", e)
	}
}

func TestShutdownEndsAStart(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t, modeEnv, "hang"))
	result := make(chan error, 1)
	go func() { result <- p.Start(context.Background()) }()
	waitState(t, p, status.ProviderStarting)
	shutDown(t, p)
	wantError(t, receive(t, result), "shut down")
	if s := p.Status(false); s.State != status.ProviderStopped {
		t.Errorf("state is %s", s.State)
	}
}

func TestStartReturnsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t, modeEnv, "hang"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, p.Start(ctx), "not ready yet", context.DeadlineExceeded.Error())
}
