package main

import (
	"bufio"
	"bytes"
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
	// upstream is the fake service that it sends requests to.
	upstream string
	// processes by role: "proxy" for a yardstick, "host" and "plugin" for us.
	processes map[string]int
	// admin and debug are sockets with the profiles of host and plugin. Only a
	// host has them.
	admin, debug string
}

const (
	direct       = "direct"
	reverseproxy = "reverseproxy"
	fasthttpName = "fasthttp"
	backplane    = "backplane"
)

// group owns the started processes.
type group struct {
	ctx context.Context
	// godebug is the GODEBUG of hosts and plugins.
	godebug  string
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

// The configuration has every feature on: queue, breaker, retries, stats, and the
// plugin confined. The folder of its profiles is the one place that is open to it
// beyond what every plugin has.
const configuration = `
server {
  listen = %q
  admin  = %q
}
log { level = "warn" }
provider "openai" {
  env = {
    BACKPLANE_PROFILE_LISTEN = %q
    GODEBUG                  = %q
  }
  process { write = [%q] }
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
		return fmt.Sprintf(configuration, addr, "unix:"+admin, "unix:"+debug, g.godebug, filepath.Dir(debug), upstream)
	})
	if err != nil {
		return nil, err
	}
	t.upstream = upstream
	providers, err := t.providers()
	if err != nil {
		return nil, err
	}
	for i, pid := range below(t.processes["host"]) {
		role := "plugin"
		if pid != providers["openai"].PID {
			role = fmt.Sprintf("helper%d", i) // counts, whatever it is
		}
		t.processes[role] = pid
	}
	return t, nil
}

// host starts a host with the configuration that config makes of the address for
// HTTP and the sockets of the admin API and of a plugin's profiles, and waits until
// it is ready.
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
	t := &target{name: backplane, addr: addr, admin: filepath.Join(dir, "admin.sock"), debug: filepath.Join(dir, "plugin", "debug.sock")}
	if err := os.Mkdir(filepath.Dir(t.debug), 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config.hcl")
	if err := os.WriteFile(file, []byte(config(addr, t.admin, t.debug)), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "host.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	c := exec.CommandContext(g.ctx, filepath.Join(bin, "backplane"), "serve", "-config", file, "-plugin-dir", filepath.Join(bin, "plugins"))
	c.Env = append(os.Environ(), "BENCH_KEY=sk-bench", "GODEBUG="+g.godebug)
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
	return getText(unixClient(socket), "http://debug"+page)
}

func getText(client *http.Client, url string) ([]byte, error) {
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, bytes.TrimSpace(text))
	}
	return text, err
}
