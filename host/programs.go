package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/host/internal/confine"
	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/host/lockfile"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// describeAtOnce is the number of plugins that are described at a time: each is
// a short-lived process.
const describeAtOnce = 4

// foundPlugin is a provider's binary and what it says of itself.
type foundPlugin struct {
	attach   func() (plugin.Attachment, error) // set if somebody else runs it
	path     string
	binary   *binary.Binary // nil for one in development
	manifest provider.Manifest
	err      error
}

// close lets go of the binary's bytes.
func (f foundPlugin) close() {
	if f.binary != nil {
		_ = f.binary.Close() // nothing was written
	}
}

// programs finds the providers' binaries, checks whether they may run, and asks
// them who they are.
type programs struct {
	server config.Server
	lock   *lockfile.File    // nil if binaries are not pinned
	dev    map[string]string // paths of those in development, by provider
	attach map[string]string // attachments of those that somebody else runs
}

// newPrograms reads the lock file, if there is one.
func newPrograms(server config.Server, opts Options) (*programs, error) {
	p := &programs{server: server, dev: opts.Dev, attach: opts.Reattach}
	lock, err := lockfile.Read(server.LockFile)
	switch {
	case err == nil:
		p.lock = lock
	case errors.Is(err, fs.ErrNotExist) && server.LockOptional:
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w; make it with: backplane providers lock", err)
	default:
		return nil, err
	}
	return p, nil
}

// all finds the binaries of several providers.
func (p *programs) all(ctx context.Context, providers []config.Provider) map[string]foundPlugin {
	plugins := make(map[string]foundPlugin, len(providers))
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(describeAtOnce)
	for _, cfg := range providers {
		group.Go(func() error {
			found := p.find(ctx, cfg)
			mu.Lock()
			defer mu.Unlock()
			plugins[cfg.Name] = found
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
	return plugins
}

// find finds one binary. The bytes that are described are those that were
// checked, and will be those that run.
func (p *programs) find(ctx context.Context, cfg config.Provider) foundPlugin {
	if text := p.attach[cfg.Name]; text != "" {
		return findAttached(ctx, cfg.Name, text)
	}
	if path := p.dev[cfg.Name]; path != "" {
		return p.findInDevelopment(ctx, cfg.Name, path)
	}
	path, err := plugin.Find(cfg.Name, p.server.PluginDir, cfg.Path)
	if err != nil {
		return foundPlugin{path: cfg.Path, err: err}
	}
	found := foundPlugin{path: path}
	if found.binary, err = binary.Open(path); err == nil {
		if err = p.trust(cfg.Name, found.binary); err == nil {
			found.manifest, err = plugin.DescribeBinary(ctx, found.binary, confinement(cfg.Process, p.server))
		}
	}
	if err == nil {
		err = plugin.CheckName(found.manifest, cfg.Name, path)
	}
	if err != nil {
		found.close()
		return foundPlugin{path: path, err: fmt.Errorf("provider %q: %w", cfg.Name, err)}
	}
	return found
}

// findInDevelopment takes the binary as it stands, and as it stands at each
// start: neither pinned nor signed nor kept.
func (p *programs) findInDevelopment(ctx context.Context, name, path string) foundPlugin {
	path, err := plugin.Find(name, p.server.PluginDir, path)
	if err != nil {
		return foundPlugin{path: p.dev[name], err: err}
	}
	manifest, err := plugin.Describe(ctx, path)
	if err == nil {
		err = plugin.CheckName(manifest, name, path)
	}
	if err != nil {
		return foundPlugin{path: path, err: fmt.Errorf("provider %q: %w", name, err)}
	}
	return foundPlugin{path: path, manifest: manifest}
}

// trust reports whether the binary may run.
func (p *programs) trust(name string, b *binary.Binary) error {
	if p.lock != nil {
		if err := p.lock.Check(name, b.SHA256()); err != nil {
			return fmt.Errorf("%s may not run: %w", b.Path(), err)
		}
	}
	if len(p.server.TrustedKeys) > 0 {
		if err := lockfile.Verify(b.Path(), b.SHA256(), p.server.TrustedKeys); err != nil {
			return fmt.Errorf("%s may not run: %w", b.Path(), err)
		}
	}
	return nil
}

// spec says what the supervisor is to run.
func (f foundPlugin) spec(p config.Provider, server config.Server) plugin.Spec {
	return plugin.Spec{
		Name: p.Name, Path: f.path, Binary: f.binary, Attach: f.attach, Manifest: f.manifest, Settings: p.Settings, Env: p.Env,
		Confine: confinement(p.Process, server), StartTimeout: p.StartTimeout,
		DrainTimeout: p.Lifetime.DrainTimeout, Trial: p.Lifetime.Trial, Lazy: p.Lifetime.Lazy, IdleStop: p.Lifetime.IdleStop,
	}
}

// absolute makes paths independent of the folder that a process starts in.
func absolute(paths []string) []string {
	var all []string
	for _, path := range paths {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		all = append(all, path)
	}
	return all
}

// confinement is what the configuration allows a process.
func confinement(p config.Process, server config.Server) *confine.Policy {
	return &confine.Policy{
		Memory: p.Memory, CPUs: p.CPUs, Processes: p.Processes, OpenFiles: p.OpenFiles, User: p.User,
		AnyFile: p.Files == config.FilesAny, Read: absolute(p.Read), Write: absolute(p.Write),
		Connect: p.ConnectPorts, Bind: p.BindPorts, Cgroup: server.Cgroup, Required: p.Required,
	}
}
