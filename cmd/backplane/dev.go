package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/host"
)

// reattachEnv has attachments by provider, as a JSON object, for tools that start
// the host.
const reattachEnv = "BACKPLANE_REATTACH_PROVIDERS"

// devOptions are the flags of `serve` that are for who writes a provider.
type devOptions struct{ binaries, attachments listFlag }

// apply turns the flags into options of the host.
func (d *devOptions) apply(opts *host.Options) error {
	var err error
	if opts.Dev, err = pairs("dev-provider", "name=./binary", d.binaries); err != nil {
		return err
	}
	if opts.Reattach, err = pairs("reattach", "name=FILE", d.attachments); err != nil {
		return err
	}
	if text := os.Getenv(reattachEnv); text != "" {
		var all map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return usagef("%s is not a JSON object with an attachment for each provider: %w", reattachEnv, err)
		}
		for name, attachment := range all {
			if _, ok := opts.Reattach[name]; !ok { // the flag wins
				opts.Reattach[name] = string(attachment)
			}
		}
	}
	for name := range opts.Reattach {
		if _, ok := opts.Dev[name]; ok {
			return usagef("provider %q is given with -dev-provider and to be attached to: choose one", name)
		}
	}
	return nil
}

// pairs reads name=value flags.
func pairs(flag, form string, given []string) (map[string]string, error) {
	all := make(map[string]string)
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, usagef("flag -%s: %q is not %s", flag, text, form)
		}
		if _, ok := all[name]; ok {
			return nil, usagef("flag -%s: provider %q is given twice", flag, name)
		}
		all[name] = value
	}
	return all, nil
}

// warnOfDevelopment says, before anything runs, what is not as safe as it looks. A name that the
// configuration does not have is a mistake.
func warnOfDevelopment(std streams, setup *host.Setup, opts host.Options) error {
	for _, way := range []struct {
		named map[string]string
		what  string
	}{
		{opts.Dev, "runs %s as it stands: nobody verifies it; for development only"},
		{opts.Reattach, "is attached to (%s): this host neither starts, verifies, confines nor ends it, and does not encrypt; for development only"},
	} {
		for _, name := range slices.Sorted(maps.Keys(way.named)) {
			if _, ok := setup.Config.Provider(name); !ok {
				return usagef("provider %q is in development, but the configuration has no provider %q", name, name)
			}
			std.say("WARNING: provider %s "+way.what, name, way.named[name])
		}
	}
	return nil
}
