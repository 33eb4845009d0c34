package host

import (
	"context"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

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

	path    string // of the configuration, "" if it is no file
	plugins map[string]foundPlugin
	file    *config.File
}

// Close lets go of a setup that no host is made of. It may be called more than
// once.
func (s *Setup) Close() {
	for _, found := range s.plugins {
		found.close()
	}
}

// Load reads a configuration file, asks the plugins that it names for their
// manifests and checks everything. The error is a [*config.Error] with all
// mistakes; the setup is returned beside it for its warnings. Nothing is
// started: describing a plugin runs its binary for some milliseconds. Close a setup
// that no host is made of.
func Load(ctx context.Context, path string, opts Options) (*Setup, error) {
	opts.fill()
	return loadKnown(ctx, path, opts, nil)
}

// loadKnown is Load. known holds the manifests of what runs, for providers whose binary
// cannot be described any more.
func loadKnown(ctx context.Context, path string, opts Options, known map[string]provider.Manifest) (*Setup, error) {
	file, diags := config.Load(path, opts.LookupEnv)
	setup, err := check(ctx, file, diags, opts, known)
	setup.path = path
	return setup, err
}

// Parse is [Load] for the text of a configuration; name stands for the file in
// messages and for relative paths.
func Parse(ctx context.Context, name string, text []byte, opts Options) (*Setup, error) {
	opts.fill()
	file, diags := config.Parse(name, text, opts.LookupEnv)
	return check(ctx, file, diags, opts, nil)
}

func check(ctx context.Context, file *config.File, diags config.Diagnostics, opts Options, known map[string]provider.Manifest) (*Setup, error) {
	setup := &Setup{Diagnostics: diags, Missing: map[string]error{}}
	if file == nil {
		return setup, diags.Err()
	}
	server := file.Server()
	opts.apply(&server)
	setup.file = file
	programs, err := newPrograms(server, opts)
	if err != nil {
		return setup, err
	}
	setup.plugins = programs.all(ctx, file.Providers())
	manifests := make(map[string]provider.Manifest)
	for name, found := range setup.plugins {
		if found.err != nil {
			setup.Missing[name] = found.err
			if m, ok := known[name]; ok {
				manifests[name] = m
			}
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
