//go:build linux

package confine

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain makes the test's own program the hostile one: it tries what it is
// told and prints what came of it.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "try" {
		for _, what := range os.Args[2:] {
			_, _ = os.Stdout.WriteString(try(what) + "\n")
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// try does what a word says and returns "ok" or the error.
func try(what string) string {
	verb, object, _ := strings.Cut(what, "=")
	var err error
	switch verb {
	case "read":
		_, err = os.ReadFile(object)
	case "write":
		err = os.WriteFile(object, []byte("x"), 0o600)
	case "signal":
		pid, _ := strconv.Atoi(object)
		err = syscall.Kill(pid, 0)
	case "connect":
		var c net.Conn
		if c, err = net.Dial("tcp", object); err == nil {
			err = c.Close()
		}
	case "env":
		return os.Getenv(object)
	case "limit":
		var l unix.Rlimit
		kind, _ := strconv.Atoi(object)
		if err = unix.Getrlimit(kind, &l); err == nil {
			return strconv.FormatUint(l.Max, 10)
		}
	case "privileges":
		n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		return strconv.Itoa(n) + " " + strconv.FormatBool(err == nil)
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// attempt runs the hostile program under a policy.
func attempt(t *testing.T, p Policy, what ...string) ([]string, Level) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var out strings.Builder
	cmd := exec.Command(self, append([]string{"try"}, what...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = p.Env()
	proc, err := Start(cmd, p, folder, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if err := proc.Remove(); err != nil {
		t.Error(err)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), proc.Level
}

func denied(answer string) bool {
	return strings.Contains(answer, "permission denied") || strings.Contains(answer, "operation not permitted")
}

// landlockVersion is that of the kernel, 0 if it has none.
func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

func TestAHostileProcessReachesNothingOfOthers(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(secret, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	host := strconv.Itoa(os.Getpid())
	got, level := attempt(t, Policy{}, "read="+secret, "write="+secret, "read=/proc/"+host+"/environ", "read=/proc/"+host+"/mem", "signal="+host)
	version := landlockVersion()
	if version == 0 {
		if len(level.Missing) == 0 {
			t.Error("the kernel has no Landlock, and the level does not say so")
		}
		return
	}
	for i, what := range []string{"the config file", "writing the config file", "the host's environment", "the host's memory"} {
		if !denied(got[i]) {
			t.Errorf("%s: %q", what, got[i])
		}
	}
	if version >= scopeSince && !denied(got[4]) {
		t.Errorf("a signal to the host: %q", got[4])
	}
	for _, want := range []string{"no_new_privs", "isolation", "files", "rlimits"} {
		if !strings.Contains(level.String(), want) {
			t.Errorf("level %q without %s", level, want)
		}
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "key" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if err := syscall.Kill(os.Getpid(), 0); err != nil {
		t.Errorf("the host lost its own rights: %v", err)
	}
}

func TestWhatIsOpenStaysOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	readable, writable := filepath.Join(dir, "model"), filepath.Join(dir, "out")
	if err := errors.Join(os.WriteFile(readable, []byte("x"), 0o600), os.Mkdir(writable, 0o700)); err != nil {
		t.Fatal(err)
	}
	got, _ := attempt(t, Policy{Read: []string{readable}, Write: []string{writable}},
		"read="+readable, "write="+filepath.Join(writable, "new"), "read=/etc/hosts", "read=/proc/self/environ", "read=/dev/urandom=", "write="+readable)
	for i, answer := range got[:4] {
		if answer != "ok" {
			t.Errorf("attempt %d: %q", i, answer)
		}
	}
	if landlockVersion() > 0 && !denied(got[5]) {
		t.Errorf("writing what may only be read: %q", got[5])
	}
	if got, level := attempt(t, Policy{AnyFile: true}, "read="+readable); got[0] != "ok" || strings.Contains(level.String(), "files") {
		t.Errorf("with any file: %q, level %s", got[0], level)
	}
}

func TestAPathThatIsNotThereLeavesTheOthersClosed(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, level := attempt(t, Policy{Read: []string{"/no/such/model"}, Write: []string{"/no/such/cache"}}, "read="+secret)
	if landlockVersion() > 0 && !denied(got[0]) {
		t.Errorf("the process is not confined: %q", got[0])
	}
	for _, path := range []string{"/no/such/model", "/no/such/cache"} {
		if landlockVersion() > 0 && !strings.Contains(level.String(), path) {
			t.Errorf("level %s does not name %s", level, path)
		}
	}
	if _, err := Start(exec.Command("/bin/true"), Policy{Required: true, Read: []string{"/no/such/model"}}, t.TempDir(), "test"); err == nil {
		t.Error("a policy that is required was taken without one of its paths")
	}
}

func TestPortsAreClosedButForThoseNamed(t *testing.T) {
	t.Parallel()
	listen := func() (string, uint16) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.Addr().String(), uint16(l.Addr().(*net.TCPAddr).Port)
	}
	open, port := listen()
	closed, _ := listen()
	got, level := attempt(t, Policy{Connect: []uint16{port}}, "connect="+open, "connect="+closed)
	if got[0] != "ok" {
		t.Errorf("the port that is named: %q", got[0])
	}
	if landlockVersion() < netVersion {
		if !strings.Contains(level.String(), "missing: ") {
			t.Errorf("level %s", level)
		}
		return
	}
	if !denied(got[1]) {
		t.Errorf("another port: %q", got[1])
	}
}

func TestLimitsAndPrivilegesAreTheProcesssOwn(t *testing.T) {
	t.Parallel()
	got, _ := attempt(t, Policy{OpenFiles: 77, Memory: 100 << 20},
		"limit="+strconv.Itoa(unix.RLIMIT_NOFILE), "limit="+strconv.Itoa(unix.RLIMIT_CORE), "env=GOMEMLIMIT", "privileges")
	want := []string{"77", "0", "94371840", "1 true"}
	// The limits are set when the process has just begun: only those that it
	// reads later are sure to be there, which the last answers are.
	if got[2] != want[2] || got[3] != want[3] || got[1] != want[1] {
		t.Errorf("got %q, want %q", got, want)
	}
	mine, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil || mine != 0 {
		t.Errorf("the host's own privileges were given up: %d, %v", mine, err)
	}
}

func TestAnotherUserNeedsRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		_, level := attempt(t, Policy{User: "nobody"}, "env=X")
		if !strings.Contains(level.String(), "only root") {
			t.Errorf("level %s", level)
		}
		return
	}
	var out strings.Builder
	cmd := exec.Command("id", "-u")
	cmd.Stdout = &out
	folder := t.TempDir()
	proc, err := Start(cmd, Policy{User: "65534:65534"}, folder, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || out.String() != "65534\n" || !strings.Contains(proc.Level.String(), "user 65534") {
		t.Errorf("uid %q, level %s, %v", out.String(), proc.Level, err)
	}
	if info, err := os.Stat(folder); err != nil || info.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("its folder is not its own: %v", err)
	}
}

func TestWhatIsRequiredAndNotReachedIsAnError(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/true")
	_, err := Start(cmd, Policy{Required: true, CPUs: 1}, t.TempDir(), "test")
	if err == nil || !strings.Contains(err.Error(), "cgroup") {
		t.Errorf("without a cgroup: %v", err)
	}
	if cmd.Process != nil {
		t.Error("the process was started all the same")
	}
	if _, err := Start(exec.Command("/bin/true"), Policy{Required: true, User: "no-such-user"}, t.TempDir(), "test"); err == nil {
		t.Error("a user that does not exist was taken")
	}
}

// A cgroup that the test may use is rarely at hand, so the files are a fake
// folder's; that a process is put in is up to the kernel.
func TestACgroupGetsTheLimits(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	for name, text := range map[string]string{"cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "cpu memory pids\n"} {
		if err := os.WriteFile(filepath.Join(parent, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := &cgroup{folder: filepath.Join(parent, "x")}
	if err := enable(parent, map[string]string{"cpu.max": "", "pids.max": ""}); err != nil {
		t.Errorf("controllers that are on: %v", err)
	}
	if err := os.Mkdir(g.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"low 0\noom 1\noom_kill 2\n": true, "oom_kill 0\n": false, "": false} {
		if err := os.WriteFile(filepath.Join(g.folder, "memory.events"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := g.outOfMemory(); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if _, err := newCgroup(Policy{Cgroup: t.TempDir()}, "x"); err == nil || !strings.Contains(err.Error(), "no folder of cgroup v2") {
		t.Errorf("a folder that is none: %v", err)
	}
}
