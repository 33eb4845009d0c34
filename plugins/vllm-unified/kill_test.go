//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// build builds the plugin's binary.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backplane-provider-vllm-unified")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// run starts the binary as a host does.
func run(t *testing.T, binary string) (*client.Conn, *exec.Cmd, *plugin.Client) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = []string{"PLUGIN_UNIX_SOCKET_DIR=" + managedtest.Dir(t)}
	host := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: client.Handshake, VersionedPlugins: client.Plugins(), Cmd: cmd, AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS: true, SkipHostEnv: true, Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
	})
	t.Cleanup(host.Kill)
	protocol, err := host.Client()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := protocol.Dispense(client.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	conn, ok := raw.(*client.Conn)
	if !ok {
		t.Fatalf("the plugin is a %T", raw)
	}
	return conn, cmd, host
}

// openManaged opens an endpoint whose server is a fake one.
func openManaged(t *testing.T, conn *client.Conn, port, dir string) {
	t.Helper()
	raw, err := json.Marshal(plugintest.Settings{
		"base_url": "http://127.0.0.1:" + port + "/v1",
		"server": plugintest.Settings{
			"mode": "process", "model": "m", "runtime_dir": dir, "health_interval": "50ms", "stop_timeout": "1s",
			"process": plugintest.Settings{"command": managedtest.Command(t, "--child", "--stubborn")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	full, _ := New().Describe().Settings.Check(raw)
	diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Revision: 1, Settings: provider.NewSettings(full)})
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
}

// processes starts the server through the plugin, and returns it and its child.
func processes(t *testing.T, conn *client.Conn) (server, child int) {
	t.Helper()
	resp, err := conn.Call(t.Context(), plugintest.Request(managed.OpStart, `{"wait":true}`))
	if err != nil {
		t.Fatal(err)
	}
	var st managed.Status
	if err := json.Unmarshal(resp.Body, &st); err != nil {
		t.Fatal(err)
	}
	resp, err = conn.Call(t.Context(), plugintest.Request(managed.OpLogs, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	var logs struct{ Lines []string }
	if err := json.Unmarshal(resp.Body, &logs); err != nil {
		t.Fatal(err)
	}
	for _, line := range logs.Lines {
		if text, ok := strings.CutPrefix(line, "child "); ok {
			child, _ = strconv.Atoi(text)
		}
	}
	if st.PID == 0 || child == 0 {
		t.Fatalf("got %+v and %q", st, logs.Lines)
	}
	return st.PID, child
}

func gone(pids ...int) func() bool {
	return func() bool {
		for _, pid := range pids {
			if !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
				return false
			}
		}
		return true
	}
}

func TestAPluginThatIsKilledLeavesNoProcess(t *testing.T) {
	t.Parallel()
	dir := managedtest.Dir(t)
	conn, cmd, _ := run(t, build(t))
	openManaged(t, conn, managedtest.FreePort(t), dir)
	server, child := processes(t, conn)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	managedtest.Eventually(t, "server, its child and its keeper end", gone(server, child))
	managedtest.Eventually(t, "the keeper's socket is gone", func() bool {
		left, err := filepath.Glob(filepath.Join(dir, "*.sock"))
		return err == nil && len(left) == 0
	})
}

func TestAPluginThatCrashedFindsItsServerAgain(t *testing.T) {
	t.Parallel()
	dir, port, binary := managedtest.Dir(t), managedtest.FreePort(t), build(t)
	conn, cmd, _ := run(t, binary)
	openManaged(t, conn, port, dir)
	server, _ := processes(t, conn)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	again, _, _ := run(t, binary)
	openManaged(t, again, port, dir)
	if now, _ := processes(t, again); now != server {
		t.Errorf("the model was loaded again: %d after %d", now, server)
	}
	time.Sleep(4 * time.Second) // longer than an orphan lives
	if gone(server)() {
		t.Error("the server ended although it is used again")
	}
}

func TestAServerOutlivesItsPluginOnlyForTheNext(t *testing.T) {
	t.Parallel()
	dir, port, binary := managedtest.Dir(t), managedtest.FreePort(t), build(t)
	old, _, oldHost := run(t, binary)
	openManaged(t, old, port, dir)
	server, child := processes(t, old)
	fresh, _, freshHost := run(t, binary)
	openManaged(t, fresh, port, dir)
	if now, _ := processes(t, fresh); now != server {
		t.Errorf("the new generation has the server %d, the old one %d", now, server)
	}
	oldHost.Kill() // in good order, as a host ends what it has drained
	time.Sleep(500 * time.Millisecond)
	if gone(server)() {
		t.Fatal("the old generation took the server with it")
	}
	if err := os.Remove(binary); err != nil { // the keeper does not need it any more
		t.Fatal(err)
	}
	freshHost.Kill()
	managedtest.Eventually(t, "server and child end", gone(server, child))
}

func TestAReplacedPluginThatCrashesFindsItsServerAgain(t *testing.T) {
	t.Parallel()
	dir, port, binary := managedtest.Dir(t), managedtest.FreePort(t), build(t)
	old, _, oldHost := run(t, binary)
	openManaged(t, old, port, dir)
	server, _ := processes(t, old)
	fresh, cmd, _ := run(t, binary)
	openManaged(t, fresh, port, dir)
	oldHost.Kill()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // until the next one is started
	last, _, _ := run(t, binary)
	openManaged(t, last, port, dir)
	if now, _ := processes(t, last); now != server {
		t.Errorf("the model was loaded again: %d after %d", now, server)
	}
}

func TestTheServersEndIsSeenAlsoIfItsKeeperIsKilled(t *testing.T) {
	t.Parallel()
	dir := managedtest.Dir(t)
	conn, _, _ := run(t, build(t))
	openManaged(t, conn, managedtest.FreePort(t), dir)
	server, child := processes(t, conn)
	data, err := os.ReadFile("/proc/" + strconv.Itoa(server) + "/stat")
	if err != nil {
		t.Skip("this system does not tell a process's parent")
	}
	_, after, _ := strings.Cut(string(data), ") ")
	keeper, err := strconv.Atoi(strings.Fields(after)[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	managedtest.Eventually(t, "the kernel ends the server with its keeper, and the plugin its child", gone(server, child))
	managedtest.Eventually(t, "another one is started", func() bool {
		resp, err := conn.Call(t.Context(), plugintest.Request(managed.OpStatus, `{}`))
		var st managed.Status
		return err == nil && json.Unmarshal(resp.Body, &st) == nil && st.State == managed.Ready && st.PID != server
	})
}
