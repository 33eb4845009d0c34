package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/backplane-dev/backplane/host/internal/confine"
)

const (
	// drainGrace is how long the pipes of an ended process are still read. Its
	// own output is there at once; what comes later is a grandchild's.
	drainGrace = 100 * time.Millisecond
	// killWait bounds the wait for a killed process. One that survives it is
	// stuck in the kernel, and no wait would help.
	killWait = 5 * time.Second
)

var errKilledEarly = errors.New("the start was given up")

// process is one child process. It implements go-plugin's runner.Runner, so
// that the library negotiates and connects while the child's life, its pipes
// and its process group stay ours: see the package comment.
type process struct {
	spec Spec
	env  []string
	dir  *privateDir
	out  *stdout
	log  *processLog

	mu       sync.Mutex
	cmd      *exec.Cmd
	confined *confine.Process // nil if it is not, or not started
	killed   bool             // no start after a kill
	forced   bool             // it was killed before it had ended

	attached *attached     // nil if it is a child
	lifeline *os.File      // held open as long as the host lives
	onExit   func()        // called once, before exited is closed
	exited   chan struct{} // closed once the process was reaped
	finished chan struct{} // closed once its last output was read, soon after
	state    *os.ProcessState
	starved  bool // the kernel killed it for want of memory
}

func newProcess(spec Spec, dir *privateDir, log *processLog, logLevel string) *process {
	var limits []string
	if spec.Confine != nil {
		limits = spec.Confine.Env()
	}
	return &process{
		spec: spec, env: environment(spec.Env, limits, dir.tmp, logLevel), dir: dir, log: log, out: newStdout(log),
		onExit: func() {}, exited: make(chan struct{}), finished: make(chan struct{}),
	}
}

// runner is go-plugin's RunnerFunc. The library gives the variables of the
// handshake; they come after ours, and the last one wins.
func (p *process) runner(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
	p.env = append(p.env, cmd.Env...)
	return p, nil
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errKilledEarly
	}
	files, err := openPipes()
	if err != nil {
		return fmt.Errorf("make pipes for %s: %w", p.spec.Path, err)
	}
	cmd, err := p.command(files)
	if err == nil {
		err = p.fork(cmd)
	}
	files.closeChildEnds()
	if err != nil {
		files.closeHostEnds()
		return startError(p.spec.Path, err)
	}
	p.cmd, p.lifeline = cmd, files.lifelineW
	go p.watch(cmd, files)
	return nil
}

// command says what to execute. It has no context: the ladder in stop.go ends it.
func (p *process) command(files *pipes) (*exec.Cmd, error) {
	name, inherited := p.spec.Path, files.inherited()
	if b := p.spec.Binary; b != nil {
		program, kept, err := b.Command(len(inherited))
		if err != nil {
			return nil, err
		}
		name, inherited = program, append(inherited, kept...)
	}
	cmd := exec.Command(name)
	cmd.Args[0] = p.spec.Path // what it is called, wherever its bytes are kept
	cmd.Env = append(p.env, files.env()...)
	cmd.Dir = p.dir.tmp
	cmd.Stdout, cmd.Stderr = files.stdoutW, files.stderrW
	cmd.ExtraFiles = inherited
	cmd.SysProcAttr = ownGroup()
	return cmd, nil
}

// fork starts the command, confined as the spec says.
func (p *process) fork(cmd *exec.Cmd) (err error) {
	if p.spec.Confine == nil {
		return cmd.Start()
	}
	p.confined, err = confine.Start(cmd, *p.spec.Confine, p.dir.path, filepath.Base(p.dir.path))
	return err
}

// level is how the process is confined, nil if it is not.
func (p *process) level() *confine.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.confined == nil {
		return nil
	}
	return &p.confined.Level
}

// remove removes what was made for the process. It has ended.
func (p *process) remove() error {
	if p.attached != nil {
		return nil
	}
	p.mu.Lock()
	confined := p.confined
	p.mu.Unlock()
	return errors.Join(confined.Remove(), p.dir.remove())
}

// watch reads the process's output to its end and reaps the process.
func (p *process) watch(cmd *exec.Cmd, files *pipes) {
	var readers sync.WaitGroup
	readers.Go(func() { p.out.read(files.stdoutR) })
	readers.Go(func() {
		lines := p.log.lines()
		_, _ = io.Copy(lines, files.stderrR)
		lines.flush()
	})
	_ = cmd.Wait() // its error is told by the state
	p.state = cmd.ProcessState
	p.starved = p.confined != nil && p.confined.OutOfMemory()
	p.onExit()
	close(p.exited)
	_ = killGroup(cmd.Process) // what the process left behind

	// A descendant that left the group may hold the pipes for ever.
	giveUp := time.AfterFunc(drainGrace, files.closeReaders)
	readers.Wait()
	giveUp.Stop()
	files.closeHostEnds()
	p.out.close()
	p.log.close()
	close(p.finished)
}

// Kill implements runner.Runner: it ends the process's group at once and waits
// a bounded time for the process.
func (p *process) Kill(context.Context) error {
	if !p.kill() {
		return nil
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(killWait):
		return fmt.Errorf("process %s did not end within %v of being killed", p.ID(), killWait)
	}
}

// kill ends the group without waiting; of a process that somebody else runs it only
// lets go. It reports whether there is a process.
// A process that was not started yet will not be.
func (p *process) kill() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.attached != nil {
		p.forced = p.forced || !p.hasExited()
		p.letGo()
		return true
	}
	if p.cmd == nil {
		p.out.close()
		return false
	}
	if !p.hasExited() {
		p.forced = true
		_ = killGroup(p.cmd.Process) // fails only if it is gone
	}
	return true
}

// terminate asks the group to end.
func (p *process) terminate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil && !p.hasExited() {
		_ = terminateGroup(p.cmd.Process) // fails only if it is gone
	}
}

// endedByItself reports whether the process ended without being killed by the
// host.
func (p *process) endedByItself() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hasExited() && !p.forced
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Wait implements runner.Runner.
func (p *process) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// exit is how the process ended: "exit status 2", "signal: killed". It is ""
// while the process runs.
func (p *process) exit() string {
	if !p.hasExited() {
		return ""
	}
	if p.attached != nil {
		return "the connection to it ended"
	}
	if p.state == nil {
		return "unknown"
	}
	if p.starved {
		return p.state.String() + " (it needed more memory than it is allowed)"
	}
	return p.state.String()
}

// pid is 0 before the start.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attached != nil {
		return p.attached.at.PID
	}
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// ID implements runner.Runner.
func (p *process) ID() string {
	if pid := p.pid(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

// Name implements runner.Runner.
func (p *process) Name() string { return filepath.Base(p.spec.Path) }

// Stdout implements runner.Runner: it holds the handshake line and nothing else.
func (p *process) Stdout() io.ReadCloser { return p.out.handshake }

// Stderr implements runner.Runner. It is empty: go-plugin's own reader of log
// lines panics on JSON that it does not expect, so it never gets to see any.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Diagnose implements runner.Runner. Explanations are made in launch.go, from
// more than go-plugin knows.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner. It refuses addresses that the host
// should not be talked into connecting to: sockets outside of the process's own
// directory, and other machines.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	switch network {
	case "unix":
		if rel, err := filepath.Rel(p.dir.path, address); err != nil || !filepath.IsLocal(rel) {
			return "", "", fmt.Errorf("the plugin listens on %q, which is not in the directory it was given in PLUGIN_UNIX_SOCKET_DIR", printable(address, 200))
		}
	case "tcp":
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return "", "", fmt.Errorf("the plugin listens on %q, which is not a loopback address", printable(address, 200))
		}
	}
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
