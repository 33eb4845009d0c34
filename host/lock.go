package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/host/lockfile"
)

// Pin is what [Lock] did with one provider.
type Pin struct {
	Provider string `json:"provider"`
	// Change is what became of the entry in the lock file.
	Change  PinChange `json:"change"`
	Path    string    `json:"path,omitempty"`
	Version string    `json:"version,omitempty"`
	SHA256  string    `json:"sha256,omitempty"`
	// OldVersion and OldSHA256 are what was pinned on this platform before, "" if
	// nothing was.
	OldVersion string `json:"old_version,omitempty"`
	OldSHA256  string `json:"old_sha256,omitempty"`
}

// PinChange is what became of an entry in the lock file.
type PinChange string

// The changes of a pin.
const (
	PinNew     PinChange = "new"
	PinChanged PinChange = "changed"
	PinKept    PinChange = "same"
	PinRemoved PinChange = "removed" // the configuration does not have the provider
)

// Lock pins the binaries of a configuration's providers as they are now, in the
// lock file that the configuration uses, whose path it returns. With names it pins
// these alone and leaves the others' entries as they are; without, entries of
// providers that the configuration does not have are removed. Each binary is asked
// who it is, and must be signed if the configuration trusts keys. Unless all of
// them can be pinned nothing is written.
func Lock(ctx context.Context, path string, opts Options, names ...string) (file string, pins []Pin, err error) {
	opts.fill()
	read, diags := config.Load(path, opts.LookupEnv)
	if err := diags.Err(); err != nil {
		return "", nil, err
	}
	server := read.Server()
	opts.apply(&server)
	providers, err := chosen(read.Providers(), names)
	if err != nil {
		return server.LockFile, nil, err
	}
	lock, err := lockfile.Read(server.LockFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		lock = &lockfile.File{Path: server.LockFile, Providers: make(map[string]lockfile.Entry)}
	case err != nil:
		return server.LockFile, nil, err
	}
	pins, err = pin(ctx, lock, &programs{server: server}, providers)
	if err != nil {
		return server.LockFile, nil, err
	}
	if len(names) == 0 {
		pins = append(pins, removeOthers(lock, read.ProviderNames())...)
	}
	slices.SortFunc(pins, func(a, b Pin) int { return cmp.Compare(a.Provider, b.Provider) })
	return server.LockFile, pins, lock.Write(server.LockFile)
}

// chosen are the providers with these names, all of them if there are none.
func chosen(all []config.Provider, names []string) ([]config.Provider, error) {
	if len(names) == 0 {
		return all, nil
	}
	var some []config.Provider
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		i := slices.IndexFunc(all, func(p config.Provider) bool { return p.Name == name })
		if i < 0 {
			known := make([]string, len(all))
			for i := range all {
				known[i] = all[i].Name
			}
			return nil, route.Unknown("provider", name, known)
		}
		some = append(some, all[i])
	}
	return some, nil
}

// pin enters the providers into the lock file.
func pin(ctx context.Context, lock *lockfile.File, programs *programs, providers []config.Provider) ([]Pin, error) {
	var errs []error
	var pins []Pin
	found := programs.all(ctx, providers)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		f := found[name]
		if f.err != nil {
			errs = append(errs, f.err)
			continue
		}
		old := lock.Providers[name]
		p := Pin{
			Provider: name, Change: PinNew, Path: f.path, Version: f.manifest.Version, SHA256: f.binary.SHA256(),
			OldVersion: old.Version, OldSHA256: old.SHA256[lockfile.Platform()],
		}
		switch {
		case p.OldSHA256 == p.SHA256 && p.OldVersion == p.Version:
			p.Change = PinKept
		case p.OldSHA256 != "":
			p.Change = PinChanged
		}
		lock.Lock(name, p.Version, protocolOf(f), p.SHA256)
		pins = append(pins, p)
		f.close()
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("the lock file was not written:\n%w", err)
	}
	return pins, nil
}

// protocolOf is the highest version of the wire that the plugin speaks.
func protocolOf(f foundPlugin) int {
	if len(f.manifest.Protocols) == 0 {
		return 1
	}
	return slices.Max(f.manifest.Protocols)
}

// removeOthers takes the entries of all but the named providers out.
func removeOthers(lock *lockfile.File, names []string) []Pin {
	var pins []Pin
	for name, entry := range lock.Providers {
		if !slices.Contains(names, name) {
			pins = append(pins, Pin{Provider: name, Change: PinRemoved, OldVersion: entry.Version, OldSHA256: entry.SHA256[lockfile.Platform()]})
		}
	}
	for _, p := range pins {
		delete(lock.Providers, p.Provider)
	}
	return pins
}
