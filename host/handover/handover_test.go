//go:build unix

package handover

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/graceful"
)

const modeEnv = "TEST_SUCCESSOR"

// TestMain makes the test's own program the successor: it serves its process id
// on the sockets that it was given.
func TestMain(m *testing.M) {
	mode := os.Getenv(modeEnv)
	if mode == "" {
		os.Exit(m.Run())
	}
	s, err := Inherit()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	switch mode {
	case "exit":
		os.Exit(3)
	case "hang":
		select {}
	case "other-address":
		if s.Listener(Data, "somewhere else") != nil {
			os.Exit(4)
		}
	}
	if os.Getenv(socketsEnv) != "" || os.Getenv(readyEnv) != "" {
		os.Exit(5)
	}
	for _, role := range []string{Data, Admin} {
		if l := s.Listener(role, role+"-address"); l != nil {
			go func() { _ = http.Serve(l, pid()) }()
		}
	}
	if err := s.Ready(); err != nil {
		os.Exit(6)
	}
	select {}
}

func pid() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
}

// sockets are those of a host: a TCP address and a unix socket.
func sockets(t *testing.T) []Socket {
	t.Helper()
	data, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ho")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	admin, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { data.Close(); admin.Close() })
	return []Socket{{Data, "data-address", data}, {Admin, "admin-address", admin}}
}

func successor(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), modeEnv+"="+mode)
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	})
	return cmd
}

func ask(addr net.Addr) (string, error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
		}}}
	resp, err := client.Get("http://host/")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestNoConnectionIsRefusedWhileASuccessorTakesOver(t *testing.T) {
	t.Parallel()
	all := sockets(t)
	old := make([]*graceful.Server, len(all))
	for i, s := range all {
		old[i] = graceful.New(&http.Server{Handler: pid()})
		go func() { _ = old[i].Serve(s.Listener) }()
	}
	var stop atomic.Bool
	var answers atomic.Int64
	failed := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			for _, s := range all {
				if _, err := ask(s.Listener.Addr()); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
				answers.Add(1)
			}
		}
	}()
	cmd := successor(t, "serve")
	if err := Start(t.Context(), cmd, all, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, server := range old {
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	before := answers.Load()
	for answers.Load() < before+20 {
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	<-done
	select {
	case err := <-failed:
		t.Errorf("a request failed: %v", err)
	default:
	}
	for _, s := range all {
		if got, err := ask(s.Listener.Addr()); err != nil || got != fmt.Sprint(cmd.Process.Pid) {
			t.Errorf("%s is answered by %q, %v; the successor is %d", s.Role, got, err, cmd.Process.Pid)
		}
	}
}

func TestASuccessorThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{"exit": "exit status 3", "hang": "not within"} {
		all := sockets(t)
		timeout := 30 * time.Second
		if mode == "hang" {
			timeout = 200 * time.Millisecond
		}
		err := Start(t.Context(), successor(t, mode), all, timeout)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", mode, err)
		}
		for _, s := range all {
			server := &http.Server{Handler: pid()}
			go func() { _ = server.Serve(s.Listener) }()
			if got, err := ask(s.Listener.Addr()); err != nil || got != fmt.Sprint(os.Getpid()) {
				t.Errorf("%s: %s is answered by %q, %v", mode, s.Role, got, err)
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(all[1].Listener.Addr().String()); !os.IsNotExist(err) {
			t.Errorf("%s: the unix socket is left behind: %v", mode, err)
		}
	}
	cmd := exec.Command("/does/not/exist")
	if err := Start(t.Context(), cmd, sockets(t), time.Second); err == nil {
		t.Error("a program that does not exist was started")
	}
}

func TestASocketOfAnotherAddressIsNotTaken(t *testing.T) {
	t.Parallel()
	all := sockets(t)
	cmd := successor(t, "other-address")
	if err := Start(t.Context(), cmd, all, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(all[1].Listener.Addr().String()); err != nil {
		t.Errorf("the unix socket: %v", err)
	}
}

func TestSocketsOfSystemdAreTakenByNameOrElseInOrder(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range []string{"data:admin", ""} {
		all := sockets(t)
		files, err := duplicates(all)
		if err != nil {
			t.Fatal(err)
		}
		// systemd tells the process its own id, which only it knows.
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, self)
		cmd.Env = append(os.Environ(), modeEnv+"=serve", "LISTEN_FDS=2", "LISTEN_FDNAMES="+names)
		cmd.ExtraFiles = files
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		closeAll(files)
		for _, s := range all {
			if got, err := ask(s.Listener.Addr()); err != nil || got != fmt.Sprint(cmd.Process.Pid) {
				t.Errorf("names %q: %s is answered by %q, %v", names, s.Role, got, err)
			}
		}
	}
}

func TestWithoutPredecessorThereIsNothing(t *testing.T) {
	s, err := Inherit()
	if err != nil || s.Listener(Data, "x") != nil {
		t.Errorf("%v", err)
	}
	if err := s.Ready(); err != nil {
		t.Error(err)
	}
	var none *Sockets
	if none.Listener(Data, "x") != nil || none.Ready() != nil {
		t.Error("no sockets are not nothing")
	}
	t.Setenv(socketsEnv, "nonsense")
	if _, err := Inherit(); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("nonsense: %v", err)
	}
}
