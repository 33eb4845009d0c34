//go:build unix

package plugin

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/client"
)

// debugged starts the test plugin as a developer does, with no host, and puts what
// it prints into file.
func debugged(t *testing.T, file string) *exec.Cmd {
	t.Helper()
	spec := testSpec(t)
	cmd := exec.Command(spec.Path)
	// The cookie makes the test binary play the plugin; debug mode wins.
	cmd.Env = []string{sdk.DebugEnv + "=1", client.Handshake.MagicCookieKey + "=" + client.Handshake.MagicCookieValue, "TMPDIR=" + socketDir(t)}
	for name, value := range spec.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".new", line, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// socketDir is a folder whose path is short enough for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // the system's temporary folder
	return dir
}

// specAttached is a spec of a plugin that is debugged now.
func specAttached(t *testing.T, file string) Spec {
	t.Helper()
	attach := func() (Attachment, error) {
		line, err := os.ReadFile(file)
		if err != nil {
			return Attachment{}, err
		}
		return ParseAttachment("test", line)
	}
	at, err := attach()
	if err != nil {
		t.Fatal(err)
	}
	m, err := DescribeAttached(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: "test", Path: "(attached)", Manifest: m, Attach: attach, StartTimeout: patience}
}

func TestAnAttachedProcessServesAndOutlivesTwoHosts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "attachment")
	cmd := debugged(t, file)
	for range 2 {
		p, _ := newProvider(t, specAttached(t, file))
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		open(t, p, "e", 1, "")
		open(t, p, "e", 7, "newer") // which the next host's first revision must not meet
		if got, err := call(t.Context(), p, "e", wish{}); err != nil || got.PID != cmd.Process.Pid {
			t.Errorf("process %d answered (%v), want %d", got.PID, err, cmd.Process.Pid)
		}
		s := p.Status(false)
		if s.PID != cmd.Process.Pid || !strings.Contains(s.Development, "attached") {
			t.Errorf("the status is %+v", s)
		}
		shutDown(t, p)
	}
	if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the host ended a process that is not its own: %v", err)
	}
}

func TestAnAttachedProcessAtABreakpointIsLeftAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "attachment")
	cmd := debugged(t, file)
	p, _ := newProvider(t, specAttached(t, file))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	g := p.current.Load()
	for range 2 * probeMisses {
		if !g.answers(t.Context()) {
			t.Fatal("a process at a breakpoint counts as hanging")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got, err := call(t.Context(), p, "e", wish{}); err != nil || got.PID != cmd.Process.Pid {
		t.Errorf("process %d answered (%v), want %d", got.PID, err, cmd.Process.Pid)
	}
}

func TestAnAttachedProcessThatIsStartedAnewIsFoundAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "attachment")
	cmd := debugged(t, file)
	p, _ := newProvider(t, specAttached(t, file))
	p.pauses = func(time.Duration) time.Duration { return time.Millisecond }
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	again := debugged(t, file)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new process", func() bool {
		s := p.Status(false)
		return s.State == status.ProviderReady && s.PID == again.Process.Pid
	})
	if got, err := call(t.Context(), p, "e", wish{}); err != nil || got.PID != again.Process.Pid {
		t.Errorf("process %d answered (%v), want %d", got.PID, err, again.Process.Pid)
	}
}

func TestAnAttachmentIsOfThePluginThatIsMeant(t *testing.T) {
	t.Parallel()
	good := `{"provider":"test","protocol":"grpc","protocol_version":1,"pid":7,"network":"unix","address":"/tmp/x"}`
	if a, err := ParseAttachment("test", []byte(good)); err != nil || a.PID != 7 || a.target() != "unix:/tmp/x" {
		t.Errorf("%+v, %v", a, err)
	}
	for change, want := range map[string]string{
		`"provider":"other"`:   `is of provider "other", not "test"`,
		`"protocol":"netrpc"`:  "the attachment's protocol is netrpc 1, this host speaks grpc 1",
		`"protocol_version":2`: "the attachment's protocol is grpc 2",
		`"network":"tcp"`:      "it must be a unix socket or on loopback",
		`"address":""`:         "it must be a unix socket or on loopback",
		`"pid":"x"`:            "is not the JSON that a plugin prints",
	} {
		text := strings.TrimSuffix(good, "}") + "," + change + "}" // the last of two counts
		if _, err := ParseAttachment("test", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
}

func TestAnAttachmentWhoseProcessIsGoneIsExplained(t *testing.T) {
	t.Parallel()
	a := Attachment{PID: 7, Network: "unix", Address: filepath.Join(t.TempDir(), "gone")}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := DescribeAttached(ctx, a)
	if err == nil || !strings.Contains(err.Error(), "the plugin to attach to (process 7) does not run; start it in debug mode again") {
		t.Error(err)
	}
}
