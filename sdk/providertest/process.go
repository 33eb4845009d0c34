package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/client"
)

// startTimeout bounds the start of a plugin up to its handshake line.
const startTimeout = 10 * time.Second

// process is a running plugin.
type process struct {
	cmd    *exec.Cmd
	client *plugin.Client
	cc     *grpc.ClientConn
	dir    string // of its socket
	stdout text   // what it wrote to standard output after the handshake
	stderr text
}

// binaryLauncher starts a plugin's binary as the host does.
type binaryLauncher struct{ path string }

func (b binaryLauncher) binary() string { return b.path }

func (b binaryLauncher) launch(ctx context.Context) (*subject, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	encryption, variable, err := client.MutualTLS()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &process{cmd: exec.Command(b.path), dir: dir}
	p.cmd.Env = []string{"PLUGIN_UNIX_SOCKET_DIR=" + dir, variable}
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  client.Handshake,
		VersionedPlugins: client.Plugins(),
		Cmd:              p.cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		GRPCDialOptions:  append(client.DialOptions(), client.Encrypted(encryption)),
		TLSConfig:        encryption,
		SkipHostEnv:      true,
		StartTimeout:     startTimeout,
		// Off, and not merely silent: go-plugin then leaves the plugin's log lines
		// alone. Its reader of JSON lines can be made to panic.
		Logger:     hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		Stderr:     &p.stderr,
		SyncStdout: &p.stdout,
		SyncStderr: &p.stderr,
	})
	if err := p.connect(ctx); err != nil {
		p.kill()
		return nil, fmt.Errorf("%w%s", err, p.lastWords())
	}
	s := newSubject(p.cc)
	s.process = p
	s.close = p.kill
	return s, nil
}

// connect starts the process and waits for its connection or the end of ctx.
func (p *process) connect(ctx context.Context) error {
	type result struct {
		protocol plugin.ClientProtocol
		err      error
	}
	started := make(chan result, 1)
	go func() {
		protocol, err := p.client.Client()
		started <- result{protocol, err}
	}()
	select {
	case r := <-started:
		if r.err != nil {
			return fmt.Errorf("the plugin did not start: %s", firstLine(r.err.Error()))
		}
		grpcClient, ok := r.protocol.(*plugin.GRPCClient)
		if !ok {
			return fmt.Errorf("the plugin does not speak gRPC")
		}
		p.cc = grpcClient.Conn
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the plugin did not start in time")
	}
}

// kill ends the process and removes its socket.
func (p *process) kill() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // it may have ended by itself
	}
	// The process is gone, so that this only tidies up; a timeout guards against
	// what holds its pipes open.
	done := make(chan struct{})
	go func() { p.client.Kill(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
	}
	_ = os.RemoveAll(p.dir) // a directory left in the system's temporary one
}

// shutdown asks the process to end in good order and waits until it has or ctx
// ends. It reports whether the process ended.
func (p *process) shutdown(ctx context.Context) bool {
	// The method has no exported client. Its messages are empty. A process that
	// ends at once does not answer, so that the error says nothing.
	_ = p.cc.Invoke(ctx, "/plugin.GRPCController/Shutdown", &empty{}, &empty{}, grpc.ForceCodec(emptyCodec{}))
	for !p.client.Exited() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// lastWords returns what the process wrote to standard error, as an addition to
// an error text.
func (p *process) lastWords() string {
	said := strings.TrimSpace(p.stderr.String())
	if said == "" {
		return ""
	}
	const longest = 400
	return "; it wrote to standard error: " + said[max(0, len(said)-longest):]
}

// empty is a message without fields, emptyCodec its encoding: no bytes.
type empty struct{}

type emptyCodec struct{}

func (emptyCodec) Marshal(any) ([]byte, error) { return nil, nil }
func (emptyCodec) Unmarshal([]byte, any) error { return nil }
func (emptyCodec) Name() string                { return "proto" }

// text is a buffer that several goroutines may write to. It keeps the first MiB.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 1<<20 - t.buf.Len(); room > 0 {
		t.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
