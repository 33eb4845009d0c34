package sdk_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// output is a buffer that a process writes and the test reads.
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

// start starts the plugin as a host does, with mutual TLS, and opens the
// endpoint "e".
func start(t *testing.T, role string, change func(*exec.Cmd)) (*client.Conn, *plugin.Client, *output) {
	t.Helper()
	cmd := command(t, role, nil)
	if change != nil {
		change(cmd)
	}
	stderr := &output{}
	process := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  client.Handshake,
		VersionedPlugins: client.Plugins(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Cmd:              cmd,
		AutoMTLS:         true,
		SkipHostEnv:      true,
		Logger:           hclog.NewNullLogger(),
		Stderr:           stderr,
	})
	t.Cleanup(process.Kill)
	rpc, err := process.Client()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	raw, err := rpc.Dispense(client.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	conn := raw.(*client.Conn)
	if _, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Revision: 1}); err != nil {
		t.Fatal(err)
	}
	return conn, process, stderr
}

func request(body string) *provider.Request {
	return &provider.Request{Endpoint: "e", Operation: "chat", Body: []byte(body)}
}

func TestAPluginServesItsHost(t *testing.T) {
	t.Parallel()
	conn, process, stderr := start(t, "plain", nil)
	if m, err := conn.Describe(t.Context()); err != nil || m.Name != "sample" {
		t.Errorf("got %+v, %v", m, err)
	}
	big := strings.Repeat("x", 20<<20) // above gRPC's own limit of 4 MiB
	if res, err := conn.Call(t.Context(), request(big)); err != nil || len(res.Body) != len(big) {
		t.Errorf("a body of 20 MiB: %v", err)
	}
	if _, err := conn.Call(t.Context(), request("panic")); err == nil {
		t.Error("a panic went unnoticed")
	}
	if _, err := conn.Call(t.Context(), request("alive")); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	contains(t, eventually(t, stderr, "the plugin panicked"), `"@level":"error"`, "main_test.go")
	process.Kill()
	if !process.Exited() {
		t.Error("the process lives on")
	}
	_, err := conn.Call(t.Context(), request("gone"))
	if e := provider.AsError(err); e.Code != provider.CodePluginUnavailable || e.Source != provider.SourceHost {
		t.Errorf("got %v", err)
	}
}

func TestPrintsOfTheAuthorGoToStderr(t *testing.T) {
	t.Parallel()
	conn, _, stderr := start(t, "noisy", nil)
	for range 3 {
		if res, err := conn.Call(t.Context(), request("hi")); err != nil || string(res.Body) != "hi" {
			t.Fatalf("got %v, %v", res, err)
		}
	}
	contains(t, eventually(t, stderr, "a line of the author"), "noise in a package variable", "noise in main",
		"noise in Describe", "noise in Open", "noise in Call", `"@message":"a line of the author"`, `"@level":"info"`, `"endpoint":"e"`)
}

// eventually waits for a text in what the plugin wrote: log lines take their
// own way.
func eventually(t *testing.T, out fmt.Stringer, want string) string {
	t.Helper()
	for range 500 {
		if strings.Contains(out.String(), want) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	contains(t, out.String(), want)
	return out.String()
}

func TestAPluginEndsWithItsLifeline(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sdk") // the path of t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var cmd *exec.Cmd
	conn, process, _ := start(t, "plain", func(c *exec.Cmd) {
		cmd = c
		c.ExtraFiles = []*os.File{read}
		c.Env = append(c.Env, client.LifelineEnv+"=3", "PLUGIN_UNIX_SOCKET_DIR="+dir)
	})
	_ = read.Close()
	stream, err := conn.Stream(t.Context(), request("x")) // does not keep it alive
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if sockets, _ := filepath.Glob(filepath.Join(dir, "*")); len(sockets) != 1 {
		t.Errorf("got sockets %v", sockets)
	}
	_ = write.Close()
	for range 300 {
		if process.Exited() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !process.Exited() {
		t.Fatal("the plugin outlives its host")
	}
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("got %v", cmd.ProcessState)
	}
	if sockets, _ := filepath.Glob(filepath.Join(dir, "*")); len(sockets) != 0 {
		t.Errorf("it left %v behind", sockets)
	}
}

func TestDebugModePrintsHowToAttachAndWarns(t *testing.T) {
	t.Parallel()
	for _, cmd := range []*exec.Cmd{
		command(t, "plain", nil, "-debug"),
		command(t, "plain", []string{"BACKPLANE_DEBUG_PROVIDER=1"}),
	} {
		stderr := &output{}
		cmd.Stderr = stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		describeAttached(t, line, cmd.Process.Pid)
		contains(t, stderr.String(), "WARNING: backplane-provider-sample serves in debug mode")
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("after an interrupt: %v\n%s", err, stderr)
		}
	}
}

// describeAttached calls the plugin that a line of debug mode describes.
func describeAttached(t *testing.T, line string, pid int) {
	t.Helper()
	var at struct {
		Provider, Network, Address string
		PID                        int
	}
	if err := json.Unmarshal([]byte(line), &at); err != nil || at.Provider != "sample" || at.PID != pid {
		t.Fatalf("got %s (%v)", line, err)
	}
	cc, err := grpc.NewClient(at.Network+":"+at.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cc.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if m, err := client.New(cc).Describe(ctx); err != nil || m.Name != "sample" {
		t.Errorf("got %+v, %v", m, err)
	}
}
