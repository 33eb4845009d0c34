package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/backplane-dev/backplane/host/status"
)

// patience bounds what a script waits for. It is generous: with the race
// detector and other tests beside, starting a plugin takes its time.
const patience = 30 * time.Second

// hostKey finds the script's host among its values.
type hostKey struct{}

// hostProcess is a host that a script started.
type hostProcess struct {
	cmd      *exec.Cmd
	out, err output
	ended    chan struct{} // closed when the process is gone
}

// output collects what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (h *hostProcess) kill() {
	if h.cmd != nil {
		_ = h.cmd.Process.Kill() // it may have ended
		<-h.ended
	}
}

func (h *hostProcess) gone() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

var (
	listensAt = regexp.MustCompile(`(?m)^\s*HTTP\s+(http://\S+)`)
	isReady   = regexp.MustCompile(`(?m)^ready`)
)

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	h := ts.Value(hostKey{}).(*hostProcess)
	if neg || h.cmd != nil {
		ts.Fatalf("start cannot be negated, and a script has one host")
	}
	args = append([]string{
		"serve", "-listen", "127.0.0.1:0", "-admin", ts.Getenv("BACKPLANE_ADMIN"), "-plugin-dir", ts.Getenv("PLUGINS"),
	}, args...)
	cmd := scriptCommand(ts, "backplane", args...)
	cmd.Stdout, cmd.Stderr = &h.out, &h.err
	ts.Check(cmd.Start())
	h.cmd, h.ended = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait() // the process state tells how it ended
		close(h.ended)
	}()
	ok := waitFor(func() bool {
		return isReady.MatchString(h.out.String()) || h.gone()
	})
	where := listensAt.FindStringSubmatch(h.out.String())
	if !ok || where == nil {
		ts.Fatalf("the host did not start\n[stdout]\n%s[stderr]\n%s", h.out.String(), h.err.String())
	}
	ts.Setenv("BACKPLANE_ADDR", where[1])
}

func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	h := ts.Value(hostKey{}).(*hostProcess)
	if neg || h.cmd == nil || len(args)%2 != 0 {
		ts.Fatalf("usage: halt [CODE SIGNAL], with a running host")
	}
	args = append(args, "0", "TERM")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmdSignal(ts, false, args[1:2])
	select {
	case <-h.ended:
	case <-time.After(patience):
		ts.Fatalf("the host did not end\n[stderr]\n%s", h.err.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("host.out"), []byte(h.out.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("host.err"), []byte(h.err.String()), 0o600))
	if got := h.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("the host ended with %d, want %d\n[stderr]\n%s", got, want, h.err.String())
	}
}

func cmdHostErr(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hosterr PATTERN")
	}
	h := ts.Value(hostKey{}).(*hostProcess)
	pattern := regexp.MustCompile(args[0])
	if !waitFor(func() bool { return pattern.MatchString(h.err.String()) }) {
		ts.Fatalf("the host did not write %q\n[stderr]\n%s", args[0], h.err.String())
	}
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": os.Kill, "HUP": syscall.SIGHUP}
	h := ts.Value(hostKey{}).(*hostProcess)
	if neg || len(args) != 1 || signals[args[0]] == nil || h.cmd == nil {
		ts.Fatalf("usage: signal TERM|INT|KILL|HUP, with a running host")
	}
	ts.Check(h.cmd.Process.Signal(signals[args[0]]))
}

func cmdKillPlugin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: killplugin NAME")
	}
	a, err := newAdmin(ts.Getenv("BACKPLANE_ADMIN"))
	ts.Check(err)
	var p status.Provider
	ts.Check(a.call(context.Background(), "GET", "/providers/"+args[0], nil, &p))
	process, err := os.FindProcess(p.PID)
	ts.Check(err)
	ts.Check(process.Kill())
	gone := waitFor(func() bool { return process.Signal(syscall.Signal(0)) != nil })
	if !gone {
		ts.Fatalf("process %d of provider %s is still there", p.PID, args[0])
	}
}

func cmdRunning(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: running ENDPOINT N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	a, err := newAdmin(ts.Getenv("BACKPLANE_ADMIN"))
	ts.Check(err)
	var s status.Stats
	ok := waitFor(func() bool {
		ts.Check(a.call(context.Background(), "GET", endpointPath(args[0])+"/stats", nil, &s))
		return s.InFlight == want
	})
	if !ok {
		ts.Fatalf("%d requests run on endpoint %s, want %d", s.InFlight, args[0], want)
	}
}

func cmdLatest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: latest ENDPOINT")
	}
	a, err := newAdmin(ts.Getenv("BACKPLANE_ADMIN"))
	ts.Check(err)
	var list []status.Request
	ts.Check(a.list(context.Background(), "GET", "/requests?limit=1&endpoint="+args[0], &list))
	if len(list) == 0 {
		ts.Fatalf("endpoint %s has no request", args[0])
	}
	ts.Setenv("REQUEST", list[0].ID)
}

func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARG...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	var last []byte
	ok := waitFor(func() bool {
		var err error
		last, err = scriptCommand(ts, args[1], args[2:]...).CombinedOutput()
		return err == nil && pattern.Match(last)
	})
	if !ok {
		ts.Fatalf("no output matched %q; the last was\n%s", args[0], last)
	}
}

// scriptCommand makes a command as the script's exec would, but without a line
// in its log.
func scriptCommand(ts *testscript.TestScript, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(findProgram(ts, name), args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = os.Environ()
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "BACKPLANE_ADDR", "BACKPLANE_ADMIN"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// waitFor asks again and again until done or out of patience.
func waitFor(done func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}

// findProgram looks a program up in the script's PATH.
func findProgram(ts *testscript.TestScript, name string) string {
	dirs := filepath.SplitList(ts.Getenv("PATH"))
	i := slices.IndexFunc(dirs, func(dir string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && !info.IsDir()
	})
	if i < 0 {
		ts.Fatalf("no %s in %s", name, strings.Join(dirs, ", "))
	}
	return filepath.Join(dirs[i], name)
}
