//go:build unix

package managed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// newLauncher chooses by the mode. health is the path that says that the server
// is well.
func newLauncher(s *spec, cfg *config, health string) launcher {
	if s.Mode == modeContainer {
		return &containers{spec: s, cfg: cfg, health: health}
	}
	return &processes{spec: s, cfg: cfg, health: health}
}

// processes starts local processes.
type processes struct {
	spec   *spec
	cfg    *config
	health string
}

// launch implements [launcher].
func (p *processes) launch(ctx context.Context, progress func(string)) (instance, error) {
	dir, err := runtimeDir(p.cfg.RuntimeDir)
	if err != nil {
		return nil, err
	}
	c, err := newClaim(ctx, dir, p.spec.id())
	if err != nil {
		return nil, err
	}
	i, err := p.claimed(ctx, c, progress)
	if i == nil {
		c.drop()
		if err == nil {
			return stranger{}, nil
		}
		return nil, err
	}
	c.done()
	return i, nil
}

// runs implements [launcher]: the keeper knows.
func (p *processes) runs(ctx context.Context) bool {
	i := newProcess(&claim{dir: runtimePath(p.cfg.RuntimeDir), id: p.spec.id()})
	defer i.client.CloseIdleConnections()
	state, err := i.ask(ctx, http.MethodGet, "/state")
	return err == nil && state.ID == i.claim.id && state.Exited == ""
}

// claimed finds the server or starts it; neither a server nor an error means
// that somebody else's is there.
func (p *processes) claimed(ctx context.Context, c *claim, progress func(string)) (*process, error) {
	i := newProcess(c)
	if state, err := i.ask(ctx, http.MethodGet, "/state"); err == nil && state.ID == c.id {
		if state.Exited == "" {
			i.found = true
			i.watch(state)
			return i, nil
		}
		_, _ = i.ask(ctx, http.MethodPost, "/stop") // its keeper has no more to do
	}
	i.client.CloseIdleConnections()
	address, err := takeAddress(ctx, c.dir, p.spec, progress)
	if err != nil {
		return nil, err
	}
	defer address.release() // the keeper has it, too
	if well, err := inUse(ctx, p.spec, p.health); well || err != nil {
		return nil, err
	}
	state, err := p.startKeeper(c, address)
	if err != nil {
		return nil, err
	}
	i.watch(state)
	return i, nil
}

// startKeeper starts the keeper and waits until it has started the server. The
// keeper is in a session of its own, since it may outlive this process: another
// one of the plugin may use the server.
func (p *processes) startKeeper(c *claim, address *lock) (kept, error) {
	argv, err := p.lookUp()
	if err != nil {
		return kept{}, err
	}
	image, err := ownImage()
	if err != nil {
		return kept{}, cannot("find this plugin's own program: %w", err)
	}
	cmd := exec.Command(image, keepArgument)
	cmd.Env = []string{} // not even this process's own
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.ExtraFiles = []*os.File{address.file}
	cmd.Stdin = bytes.NewReader(encode(task{
		ID: c.id, Argv: argv, Env: p.environment(), Directory: cmpOr(p.spec.Directory, "/"), Socket: c.path(".sock"), Lease: c.leasePath(),
		StopTimeout: p.cfg.stopTimeout(),
	}))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return kept{}, cannot("start the keeper of the server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return kept{}, cannot("start the keeper of the server: %w", err)
	}
	line, readErr := bufio.NewReader(out).ReadBytes('\n')
	go func() { _ = cmd.Wait() }() // or it stays as a zombie; the socket says how it went
	var state kept
	if err := json.Unmarshal(line, &state); err != nil {
		return state, cannot("start the keeper of the server: %w", cmpOr(readErr, err))
	}
	if state.Error != "" {
		return state, notStarted(argv[0], state)
	}
	return state, nil
}

func cmpOr[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

// lookUp finds the program in the server's PATH.
func (p *processes) lookUp() ([]string, error) {
	argv := slices.Clone(p.spec.Argv)
	if filepath.Base(argv[0]) != argv[0] {
		return argv, nil
	}
	path := cmpOr(p.spec.Env["PATH"], os.Getenv("PATH"))
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, argv[0])
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 && filepath.IsAbs(dir) {
			argv[0] = candidate
			return argv, nil
		}
	}
	return nil, notStarted(argv[0], kept{Error: "it is not in PATH (" + path + ")", Missing: true})
}

func notStarted(program string, state kept) *provider.Error {
	code := provider.CodeInternal
	hint := ""
	switch {
	case state.Missing:
		code, hint = provider.CodeNotFound, "; install it, or give its path in server.process.command"
	case state.Denied:
		code, hint = provider.CodePermission, "; "+openFiles
	}
	e := provider.Errorf(code, "the server cannot be started: %s: %s%s", program, state.Error, hint)
	e.Retry = provider.RetryNever
	return e
}

// environment is all that the server sees of this process's, and its own.
func (p *processes) environment() []string {
	env := map[string]string{}
	for _, name := range []string{"PATH", "LANG", "LC_ALL", "TZ"} {
		if value, there := os.LookupEnv(name); there {
			env[name] = value
		}
	}
	if me, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil && me.HomeDir != "" {
		env["HOME"] = me.HomeDir // where models are kept
	}
	maps.Copy(env, p.spec.Env)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
