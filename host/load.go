package host

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// describeAtOnce is the number of plugins that are described at a time: each is
// a short-lived process.
const describeAtOnce = 4

// Setup is a configuration that was checked against the plugins that it names.
type Setup struct {
	// Config is complete: every setting has its value.
	Config *config.Config
	// Diagnostics holds warnings, and mistakes if Load returned an error.
	Diagnostics config.Diagnostics
	// Missing says, by provider name, why a plugin could not be found or
	// described. The host runs without these; whether that will do is the
	// caller's choice.
	Missing map[string]error

	plugins map[string]foundPlugin
	file    *config.File
}

// foundPlugin is a provider's binary and what it says of itself.
type foundPlugin struct {
	path     string
	manifest provider.Manifest
	err      error
}

// Load reads a configuration file, asks the plugins that it names for their
// manifests and checks everything. The error is a [*config.Error] with all
// mistakes; the setup is returned beside it for its warnings. Nothing is
// started: describing a plugin runs its binary for some milliseconds.
func Load(ctx context.Context, path string, opts Options) (*Setup, error) {
	opts.fill()
	file, diags := config.Load(path, opts.LookupEnv)
	return check(ctx, file, diags, opts)
}

// Parse is [Load] for the text of a configuration; name stands for the file in
// messages and for relative paths.
func Parse(ctx context.Context, name string, text []byte, opts Options) (*Setup, error) {
	opts.fill()
	file, diags := config.Parse(name, text, opts.LookupEnv)
	return check(ctx, file, diags, opts)
}

func check(ctx context.Context, file *config.File, diags config.Diagnostics, opts Options) (*Setup, error) {
	setup := &Setup{Diagnostics: diags, Missing: map[string]error{}}
	if file == nil {
		return setup, diags.Err()
	}
	server := file.Server()
	opts.apply(&server)
	setup.file = file
	setup.plugins = describe(ctx, file.Providers(), server.PluginDir)
	manifests := make(map[string]provider.Manifest)
	for name, found := range setup.plugins {
		if found.err != nil {
			setup.Missing[name] = found.err
		} else {
			manifests[name] = found.manifest
		}
	}
	setup.Config, setup.Diagnostics = file.Resolve(manifests)
	if err := setup.Diagnostics.Err(); err != nil {
		return setup, err
	}
	opts.apply(&setup.Config.Server)
	return setup, nil
}

// describe finds and describes the providers' plugins.
func describe(ctx context.Context, providers []config.Provider, dir string) map[string]foundPlugin {
	plugins := make(map[string]foundPlugin, len(providers))
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(describeAtOnce)
	for _, p := range providers {
		group.Go(func() error {
			found := find(ctx, p, dir)
			mu.Lock()
			defer mu.Unlock()
			plugins[p.Name] = found
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
	return plugins
}

func find(ctx context.Context, p config.Provider, dir string) foundPlugin {
	path, err := plugin.Find(p.Name, dir, p.Path)
	if err != nil {
		return foundPlugin{path: p.Path, err: err}
	}
	manifest, err := plugin.Describe(ctx, path)
	if err == nil {
		err = plugin.CheckName(manifest, p.Name, path)
	}
	if err != nil {
		return foundPlugin{path: path, err: fmt.Errorf("provider %q: %w", p.Name, err)}
	}
	return foundPlugin{path: path, manifest: manifest}
}
