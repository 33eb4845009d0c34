package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// target is something to send requests to, and the processes that its cost is
// read from.
type target struct {
	name string
	addr string
	// processes by role: "proxy" for a yardstick, "host" and "plugin" for us.
	processes map[string]int
	// admin and plugin debug sockets, for profiles and allocation counts.
	admin, debug string
}

const (
	direct       = "direct"
	reverseproxy = "reverseproxy"
	fasthttpName = "fasthttp"
	backplane    = "backplane"
)

// startTargets starts upstream, yardsticks and Backplane. stop ends them all.
func startTargets(ctx context.Context, bin string) ([]*target, func(), error) {
	group := &group{ctx: ctx}
	upstream, _, err := group.role("role-upstream")
	if err != nil {
		return nil, group.stop, err
	}
	targets := []*target{{name: direct, addr: upstream}}
	for _, y := range []struct{ name, role string }{{reverseproxy, "role-reverseproxy"}, {fasthttpName, "role-fasthttp"}} {
		addr, pid, err := group.role(y.role, upstream)
		if err != nil {
			group.stop()
			return nil, nil, err
		}
		targets = append(targets, &target{name: y.name, addr: addr, processes: map[string]int{"proxy": pid}})
	}
	ours, err := group.backplane(bin, upstream)
	if err != nil {
		group.stop()
		return nil, nil, err
	}
	return append(targets, ours), group.stop, nil
}

// group owns the started processes.
type group struct {
	ctx      context.Context
	commands []*exec.Cmd
	dirs     []string
}

func (g *group) stop() {
	for _, c := range g.commands {
		_ = c.Process.Signal(syscall.SIGTERM)
	}
	for _, c := range g.commands {
		timer := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		timer.Stop()
	}
	for _, d := range g.dirs {
		_ = os.RemoveAll(d)
	}
}

// role starts this program again in one of its roles and returns its address.
func (g *group) role(args ...string) (addr string, pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, err
	}
	c := exec.CommandContext(g.ctx, self, args...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return "", 0, err
	}
	if err := c.Start(); err != nil {
		return "", 0, err
	}
	g.commands = append(g.commands, c)
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line), c.Process.Pid, err
}

// The configuration has every feature on: queue, breaker, retries, stats.
const configuration = `
server {
  listen = %q
  admin  = %q
}
log { level = "warn" }
provider "openai" {
  env = { BACKPLANE_PROFILE_LISTEN = %q }
}
endpoint "mock" {
  provider = "openai"
  api_key  = env("BENCH_KEY")
  settings { base_url = "http://%s/v1" }
  queue {
    size           = 10000
    max_concurrent = 10000
  }
}
route "mock*" { endpoints = ["mock"] }
`

// backplane starts the host with the openai plugin in front of the upstream.
func (g *group) backplane(bin, upstream string) (*target, error) {
	t, err := g.host(bin, func(addr, admin, debug string) string {
		return fmt.Sprintf(configuration, addr, admin, debug, upstream)
	})
	if err != nil {
		return nil, err
	}
	providers, err := t.providers()
	if err != nil {
		return nil, err
	}
	t.processes["plugin"] = providers["openai"].PID
	return t, nil
}

// host starts a host with the configuration that config makes of the addresses
// for HTTP, the admin API and a plugin's profiles, and waits until it is ready.
func (g *group) host(bin string, config func(addr, admin, debug string) string) (*target, error) {
	dir, err := os.MkdirTemp("", "bp-bench")
	if err != nil {
		return nil, err
	}
	g.dirs = append(g.dirs, dir)
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	t := &target{name: backplane, addr: addr, admin: filepath.Join(dir, "admin.sock"), debug: filepath.Join(dir, "debug.sock")}
	file := filepath.Join(dir, "config.hcl")
	if err := os.WriteFile(file, []byte(config(addr, "unix:"+t.admin, "unix:"+t.debug)), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "host.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	c := exec.CommandContext(g.ctx, filepath.Join(bin, "backplane"), "serve", "-config", file, "-plugin-dir", filepath.Join(bin, "plugins"))
	c.Env = append(os.Environ(), "BENCH_KEY=sk-bench")
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start backplane (run scripts/build first): %w", err)
	}
	g.commands = append(g.commands, c)
	t.processes = map[string]int{"host": c.Process.Pid}
	if err := t.waitReady(); err != nil {
		printed, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; the host printed:\n%s", err, printed)
	}
	return t, nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func (t *target) waitReady() error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get("http://" + t.addr + "/readyz")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("the host was not ready after 20 s")
}

// unixClient is an HTTP client for a server on a unix socket.
func unixClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
}

// get reads a debug page of a process of the target.
func get(socket, page string) ([]byte, error) {
	resp, err := unixClient(socket).Get("http://debug" + page)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", page, resp.Status)
	}
	return io.ReadAll(resp.Body)
}
