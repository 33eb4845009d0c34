package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/config"
)

const providersLockUsage = `Pin the binaries of the providers: the host runs no others from then on.

Usage:
  backplane providers lock -config FILE [NAME...] [-plugin-dir DIR] [-json]

Asks each binary for its version and writes its SHA-256 into backplane.lock.hcl
beside the configuration, or into server.lock_file. Keep that file in version
control. With names it pins these providers alone. Sums of other platforms are
kept as long as the version is the same. Unless all can be pinned nothing is
written.

Example:
  $ backplane providers lock -config config.hcl
  NAME    CHANGE   VERSION         SHA256
  echo    changed  0.1.0 -> 0.2.0  9f86d081884c
  openai  same     0.1.0           60303ae22b99

Flags:
  -config FILE     the configuration
  -plugin-dir DIR  instead of server.plugin_dir
  -json            print JSON

Exits with 2 if the configuration is wrong.
`

func providersLockCommand() *command {
	return &command{name: "lock", usage: providersLockUsage, setup: func(fs *flag.FlagSet) runFunc {
		file := fs.String("config", "", "the configuration")
		pluginDir := fs.String("plugin-dir", "", "folder")
		asJSON := jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if *file == "" {
				return usagef("'backplane providers lock' needs -config FILE")
			}
			ctx, stop := interruptible(ctx)
			defer stop()
			lockFile, pins, err := host.Lock(ctx, *file, host.Options{PluginDir: *pluginDir}, args...)
			if err := sayMistakes(std, *file, err); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, pins)
			}
			std.say("%s:", lockFile)
			return printPins(std, pins)
		}
	}}
}

// sayMistakes tells the mistakes of a configuration, if err is that, and passes
// other errors on.
func sayMistakes(std streams, file string, err error) error {
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		return err
	}
	if err := wrong.Diagnostics.Write(std.err, wantsColor(std.err)); err != nil {
		return err
	}
	std.say("\n%s cannot be used.", file)
	return reported(exitUsage)
}

func printPins(std streams, pins []host.Pin) error {
	t := newTable(std.out, "NAME", "CHANGE", "VERSION", "SHA256")
	for _, p := range pins {
		version, sum := p.Version, shortSum(p.SHA256)
		switch {
		case p.Change == host.PinRemoved:
			version, sum = p.OldVersion, shortSum(p.OldSHA256)
		case p.OldVersion != "" && p.OldVersion != p.Version:
			version = fmt.Sprintf("%s -> %s", p.OldVersion, p.Version)
		}
		t.row(p.Provider, string(p.Change), version, sum)
	}
	return t.flush()
}

// shortSum is the beginning of a checksum: enough to tell two apart.
func shortSum(sum string) string { return sum[:min(len(sum), 12)] }
