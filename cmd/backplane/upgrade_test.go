//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestAnUpgradeRefusesNoConnectionAndAFailedOneChangesNothing(t *testing.T) {
	t.Parallel()
	plugins := buildPlugins(t, "echo")
	dir, err := os.MkdirTemp("", "bp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "backplane")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, socket := filepath.Join(dir, "c.hcl"), filepath.Join(dir, "admin.sock")
	write(t, file, "provider \"echo\" {}\nendpoint \"echo\" {\n  provider = \"echo\"\n  queue { max_concurrent = 0 }\n}\n")
	said := start(t, exec.Command(program, "serve", "-config", file, "-listen", "127.0.0.1:0", "-admin", "unix:"+socket, "-plugin-dir", plugins))
	first := said.process
	url := said.waitFor(t, `HTTP +(http://\S+)`)[1]
	said.waitFor(t, `ready; Ctrl-C`)

	stop := load(t, url)
	sendSignal(t, first, syscall.SIGUSR2)
	second := atoi(t, said.waitFor(t, `process (\d+) has taken over`)[1])
	t.Cleanup(func() { _ = syscall.Kill(second, syscall.SIGKILL) })
	if state, err := said.cmd.Process.Wait(); err != nil || state.ExitCode() != 0 {
		t.Errorf("the old host ended with %v, %v", state, err)
	}
	if failed, answered := stop(); failed > 0 || answered == 0 {
		t.Errorf("%d requests failed, %d were answered", failed, answered)
	}
	if _, err := os.Stat(socket); err != nil {
		t.Errorf("the admin socket: %v", err)
	}

	write(t, file, "nonsense {\n")
	stop = load(t, url)
	sendSignal(t, second, syscall.SIGUSR2)
	said.waitFor(t, `exit status 2; this host runs on`)
	if failed, answered := stop(); failed > 0 || answered == 0 {
		t.Errorf("with a successor that fails: %d requests failed, %d were answered", failed, answered)
	}
	sendSignal(t, second, syscall.SIGTERM)
	var left error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && !os.IsNotExist(left); time.Sleep(10 * time.Millisecond) {
		_, left = os.Stat(socket)
	}
	if !os.IsNotExist(left) {
		t.Errorf("the admin socket is left behind: %v", left)
	}
}

// said is a host with what it and its successors have said.
type said struct {
	cmd     *exec.Cmd
	process int
	file    string
}

// start starts a host. Its output goes to a file, which successors write on.
func start(t *testing.T, cmd *exec.Cmd) *said {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &said{cmd, cmd.Process.Pid, out.Name()}
}

func (s *said) waitFor(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var text []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		if text, err = os.ReadFile(s.file); err != nil {
			t.Fatal(err)
		}
		if m := re.FindStringSubmatch(string(text)); m != nil {
			return m
		}
	}
	t.Fatalf("%q was not said in\n%s", pattern, text)
	return nil
}

// load asks all the time, over connections that are kept and over new ones, until
// the function that it returns is called.
func load(t *testing.T, url string) func() (failed, answered int64) {
	var over atomic.Bool
	var failed, answered atomic.Int64
	var clients sync.WaitGroup
	for i := range 8 {
		transport := &http.Transport{DisableKeepAlives: i%2 == 0}
		client := &http.Client{Transport: transport, Timeout: patience}
		clients.Go(func() {
			defer transport.CloseIdleConnections()
			for !over.Load() {
				if err := askOnce(client, url); err != nil {
					failed.Add(1)
					t.Log(err)
				}
				answered.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	return func() (int64, int64) {
		before := answered.Load()
		for deadline := time.Now().Add(patience); answered.Load() < before+50 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		over.Store(true)
		clients.Wait()
		return failed.Load(), answered.Load()
	}
}

func askOnce(client *http.Client, url string) error {
	// Of a type that the client does not know, so that it cannot send it again.
	body := io.MultiReader(strings.NewReader(`{"model":"echo","messages":[{"role":"user","content":"hi"}]}`))
	resp, err := client.Post(url+"/v1/chat/completions", "application/json", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return err
}

func sendSignal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
