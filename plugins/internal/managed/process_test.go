//go:build unix

package managed_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestTheFirstCallsStartOneServerAndWaitForIt(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil, "--load", "600ms"))
	if st := l.status(t, "e"); st.State != managed.Stopped || st.PID != 0 {
		t.Fatalf("before the first call: %+v", st)
	}
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if _, err := l.call(t, "e", provider.OpChat, chat); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if pids := managedtest.Starts(t, l.starts); len(pids) != 1 {
		t.Errorf("there were %d starts", len(pids))
	}
	st := l.status(t, "e")
	if st.State != managed.Ready || !st.Healthy || st.PID != managedtest.Starts(t, l.starts)[0] || st.Mode != "process" ||
		st.Address != "http://127.0.0.1:"+l.port || len(st.Endpoints) != 1 {
		t.Errorf("got %+v", st)
	}
}

func TestTheServerEndsWithItsLastEndpoint(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	block := l.block(t, plugintest.Settings{"autostart": "open"}, "--child")
	l.mustOpen(t, "a", block)
	l.mustOpen(t, "b", block)
	st := l.await(t, "a", managed.Ready)
	if other := l.status(t, "b"); other.PID != st.PID || len(other.Endpoints) != 2 {
		t.Errorf("the endpoints have the servers %+v and %+v", st, other)
	}
	child := childOf(t, l, "a")
	if err := l.CloseEndpoint(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if !alive(st.PID) || l.status(t, "b").State != managed.Ready {
		t.Error("the server ended with the first of its endpoints")
	}
	if err := l.CloseEndpoint(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	managedtest.Eventually(t, "server and child end", func() bool { return !alive(st.PID) && !alive(child) })
}

// childOf is the process that the fake server started.
func childOf(t *testing.T, l *lab, id string) int {
	t.Helper()
	for _, line := range logLines(t, l, id) {
		if pid, ok := strings.CutPrefix(line, "child "); ok {
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the log has no line about the child")
	return 0
}

func logLines(t *testing.T, l *lab, id string) []string {
	t.Helper()
	var logs struct{ Lines []string }
	if err := json.Unmarshal(l.mustCall(t, id, managed.OpLogs, `{}`).Body, &logs); err != nil {
		t.Fatal(err)
	}
	return logs.Lines
}

func TestAServerThatRefusesToEndIsKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"stop_timeout": "300ms"}, "--stubborn"))
	st := statusOf(t, l.mustCall(t, "e", managed.OpStart, `{"wait":true}`).Body)
	begin := time.Now()
	if got := statusOf(t, l.mustCall(t, "e", managed.OpStop, `{}`).Body); got.State != managed.Stopped {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(begin); took < 300*time.Millisecond || alive(st.PID) {
		t.Errorf("it was stopped after %v; alive: %t", took, alive(st.PID))
	}
}

func TestAStoppedServerWaitsForStart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil))
	l.mustCall(t, "e", provider.OpChat, chat)
	first := l.status(t, "e").PID
	l.mustCall(t, "e", managed.OpStop, `{}`)
	_, err := l.call(t, "e", provider.OpChat, chat)
	wantMessage(t, plugintest.WantError(t, err, provider.CodeConflict), "call server.start")
	_, err = l.call(t, "e", managed.OpLogs, `{}`)
	plugintest.WantError(t, err, provider.CodeConflict)
	l.mustCall(t, "e", managed.OpStart, `{"wait":true}`)
	l.mustCall(t, "e", provider.OpChat, chat)
	second := statusOf(t, l.mustCall(t, "e", managed.OpRestart, `{"wait":true}`).Body)
	if pids := managedtest.Starts(t, l.starts); len(pids) != 3 || pids[0] != first || pids[2] != second.PID || alive(pids[1]) {
		t.Errorf("started %v, now %+v", pids, second)
	}
}

func TestManualStartIsByOperationAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"autostart": "manual"}))
	_, err := l.call(t, "e", provider.OpChat, chat)
	plugintest.WantError(t, err, provider.CodeConflict)
	if n := len(managedtest.Starts(t, l.starts)); n != 0 {
		t.Errorf("there were %d starts", n)
	}
	l.mustCall(t, "e", managed.OpStart, `{"wait":true}`)
	l.mustCall(t, "e", provider.OpChat, chat)
}

func TestAnIdleServerIsStoppedAndStartedAgainByACall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"idle_stop": "400ms"}))
	l.mustCall(t, "e", provider.OpChat, chat)
	pid := l.status(t, "e").PID
	st := l.await(t, "e", managed.Stopped)
	if !strings.Contains(st.Message, "nobody called") {
		t.Errorf("got %+v", st)
	}
	managedtest.Eventually(t, "the process ends", func() bool { return !alive(pid) })
	l.mustCall(t, "e", provider.OpChat, chat)
	if n := len(managedtest.Starts(t, l.starts)); n != 2 {
		t.Errorf("there were %d starts", n)
	}
}

func TestWhoseTimeIsOverLearnsHowFarTheStartIs(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil, "--load", "3s"))
	_, err := l.callFor(t, "e", provider.OpChat, chat, 1200*time.Millisecond)
	e := plugintest.WantError(t, err, provider.CodeOverloaded)
	wantMessage(t, e, "starting", "loading weights")
	if e.RetryAfter == 0 || !e.IsTransient() {
		t.Errorf("%+v", e)
	}
	st := l.status(t, "e")
	if st.State != managed.Starting || st.Elapsed <= 0 || !strings.HasPrefix(st.Message, "loading weights") {
		t.Errorf("got %+v", st)
	}
	req := plugintest.Request(managed.OpStart, `{}`)
	streamed, err := plugintest.Stream(t, l.Conn, req)
	if err != nil || len(streamed.Chunks) < 3 {
		t.Fatalf("got %+v, %v", streamed, err)
	}
	seen := strings.Join(streamed.Chunks, "\n")
	if last := statusOf(t, []byte(streamed.Chunks[len(streamed.Chunks)-1])); last.State != managed.Ready || !strings.Contains(seen, "loading weights: 75%") {
		t.Errorf("got %s", seen)
	}
}

func TestAServerThatCrashesIsStartedAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"max_restarts": 5}))
	l.mustCall(t, "e", provider.OpChat, chat)
	pid := l.status(t, "e").PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	st := l.await(t, "e", managed.Backoff)
	if !strings.Contains(st.Message, "signal killed") || st.Restarts != 1 {
		t.Errorf("got %+v", st)
	}
	l.mustCall(t, "e", provider.OpChat, chat) // it waits for the new one
	if now := l.status(t, "e"); now.PID == pid || now.State != managed.Ready {
		t.Errorf("got %+v", now)
	}
}

func TestAServerThatKeepsCrashingIsGivenUp(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"max_restarts": 1}, "--exit", "7"))
	_, err := l.call(t, "e", provider.OpChat, chat)
	e := plugintest.WantError(t, err, provider.CodeUpstream)
	wantMessage(t, e, "exit status 7", "made of cheese", "after 1 restart", "server.start")
	if e.IsTransient() {
		t.Error("the host would repeat the call")
	}
	if n := len(managedtest.Starts(t, l.starts)); n != 2 {
		t.Errorf("there were %d starts", n)
	}
	st := l.status(t, "e")
	if st.State != managed.Failed || st.Restarts != 1 || !strings.Contains(st.Error, "exit status 7") {
		t.Errorf("got %+v", st)
	}
	_, err = l.call(t, "e", managed.OpStart, `{"wait":true}`)
	plugintest.WantError(t, err, provider.CodeUpstream)
	if n := len(managedtest.Starts(t, l.starts)); n != 4 {
		t.Errorf("there were %d starts", n)
	}
}

func TestAServerThatIsNeverReadyTimesOut(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"start_timeout": "500ms", "max_restarts": 0}, "--silent"))
	_, err := l.call(t, "e", provider.OpChat, chat)
	wantMessage(t, plugintest.WantError(t, err, provider.CodeTimeout), "start_timeout of 500ms", "is loaded")
	if pids := managedtest.Starts(t, l.starts); len(pids) != 1 || alive(pids[0]) {
		t.Errorf("started %v, and not stopped", pids)
	}
}

func TestAServerThatAnswersNoMoreIsRestarted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"unhealthy_after": "300ms", "max_restarts": 5, "stop_timeout": "200ms"}, "--stubborn"))
	l.mustCall(t, "e", provider.OpChat, chat)
	pid := l.status(t, "e").PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	managedtest.Eventually(t, "another process is there", func() bool {
		st := l.status(t, "e")
		return st.State == managed.Ready && st.PID != pid
	})
	if alive(pid) {
		t.Error("the first process is still there")
	}
}

func TestAProgramThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for id, program := range map[string]string{"bare": "no-such-model-server", "path": "/no/such/model-server"} {
		l.port = managedtest.FreePort(t)
		l.mustOpen(t, id, l.block(t, plugintest.Settings{"process": plugintest.Settings{"command": []string{program}}}))
		_, err := l.call(t, id, provider.OpChat, chat)
		e := plugintest.WantError(t, err, provider.CodeNotFound)
		wantMessage(t, e, program, "server.process.command")
		if e.IsTransient() || l.status(t, id).State != managed.Failed {
			t.Errorf("got %+v", e)
		}
	}
}

func TestWhoseFilesArePrivateLearnsHowToOpenThem(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	program := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o600); err != nil { // not executable, also for root
		t.Fatal(err)
	}
	l.mustOpen(t, "program", l.block(t, plugintest.Settings{"process": plugintest.Settings{"command": []string{program}}}))
	_, err := l.call(t, "program", provider.OpChat, chat)
	wantMessage(t, plugintest.WantError(t, err, provider.CodePermission), program, `process { files = "any" }`)
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+l.port)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	t.Cleanup(func() { _ = server.Close() })
	l.mustOpen(t, "e", l.block(t, nil))
	_, err = l.call(t, "e", provider.OpChat, chat)
	wantMessage(t, plugintest.WantError(t, err, provider.CodeConflict), "127.0.0.1:"+l.port+" is taken", "base_url")
	if n := len(managedtest.Starts(t, l.starts)); n != 0 {
		t.Errorf("there were %d starts", n)
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, c := range map[string]struct {
		url   string
		block plugintest.Settings
		path  string
		says  string
	}{
		"elsewhere": {"http://192.0.2.1:8000/v1", nil, "base_url", "this machine"},
		"encrypted": {"https://127.0.0.1:8000/v1", nil, "base_url", "http://"},
		"no port":   {"http://127.0.0.1/v1", nil, "base_url", "port"},
		"no model":  {"http://127.0.0.1:1/v1", plugintest.Settings{"model": nil}, "server.model", "model"},
		"mode":      {"http://127.0.0.1:1/v1", plugintest.Settings{"mode": "vm"}, "server.mode", "container"},
		"typo":      {"http://127.0.0.1:1/v1", plugintest.Settings{"idle_stopp": "1s"}, "server.idle_stopp", "idle_stop"},
	} {
		diags := l.openAt(t, "e", 1, c.url, l.block(t, c.block))
		if len(diags) != 1 || diags[0].Path != c.path || !strings.Contains(diags[0].Detail, c.says) {
			t.Errorf("%s: got %+v", name, diags)
		}
	}
}

func TestAServerThatRunsByItselfIsOnlyAsked(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	well := true
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !well {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	if diags := l.openAt(t, "e", 1, s.URL+"/v1", plugintest.Settings{"mode": "attach", "health_interval": "50ms"}); len(diags) > 0 {
		t.Fatal(diags)
	}
	if st := l.status(t, "e"); st.Mode != "attach" || st.State != managed.External || !st.Healthy {
		t.Errorf("got %+v", st)
	}
	mu.Lock()
	well = false
	mu.Unlock()
	time.Sleep(150 * time.Millisecond) // the watch sees it, too
	if st := l.status(t, "e"); st.Healthy || st.Health == "" {
		t.Errorf("got %+v", st)
	}
	for _, op := range []string{managed.OpStart, managed.OpStop, managed.OpRestart, managed.OpLogs} {
		_, err := l.call(t, "e", op, `{}`)
		wantMessage(t, plugintest.WantError(t, err, provider.CodeConflict), "runs by itself", `"process"`)
	}
}

func TestTheBodiesOfTheOperationsAreChecked(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, nil))
	for _, body := range []string{`{"lines":0}`, `{"lines":99999}`, `{"lines":"x"}`, `[]`} {
		_, err := l.call(t, "e", managed.OpLogs, body)
		plugintest.WantError(t, err, provider.CodeInvalidRequest)
	}
}

func TestTheServerSeesItsOwnEnvironmentAlone(t *testing.T) {
	t.Setenv("FAKE_WORD", "of the plugin")
	l := newLab(t)
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"model": "org/m", "args": []string{"--load", "4ms"}}))
	l.mustCall(t, "e", provider.OpChat, chat)
	if lines := logLines(t, l, "e"); lines[len(lines)-1] != "model org/m is loaded" {
		t.Errorf("got %q", lines)
	}
	second := newLab(t)
	second.mustOpen(t, "e", second.block(t, plugintest.Settings{"env": plugintest.Settings{"FAKE_WORD": "by settings"}}))
	second.mustCall(t, "e", provider.OpChat, chat)
	if lines := logLines(t, second, "e"); !strings.HasSuffix(lines[len(lines)-1], "by settings") {
		t.Errorf("got %q", lines)
	}
	if err := errors.Join(l.CloseEndpoint(t.Context(), "e"), second.CloseEndpoint(t.Context(), "e")); err != nil {
		t.Error(err)
	}
}
