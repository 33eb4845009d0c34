package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/backplane-dev/backplane/host"
)

const validateUsage = `Check a configuration and report every mistake in it.

Usage:
  backplane validate -config FILE [-plugin-dir DIR]

Asks the plugins' binaries for the settings that they know, but starts no
provider and contacts no service. Mistakes come with file, line and column.

Example:
  $ backplane validate -config config.hcl
  config.hcl is valid: 1 provider, 1 endpoint, 0 routes

Flags:
  -config FILE     the configuration
  -plugin-dir DIR  instead of server.plugin_dir

Exits with 0 if there is no mistake, with 2 if there is one or a plugin is
missing. Warnings do not count.
`

func validateCommand() *command {
	return &command{name: "validate", usage: validateUsage, setup: func(fs *flag.FlagSet) runFunc {
		file := fs.String("config", "", "the configuration")
		pluginDir := fs.String("plugin-dir", "", "folder")
		return func(ctx context.Context, std streams, args []string) error {
			// `validate config.hcl` can mean one thing only.
			if *file == "" && len(args) == 1 {
				*file, args = args[0], nil
			}
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			if *file == "" {
				return usagef("'backplane validate' needs -config FILE")
			}
			ctx, stop := interruptible(ctx)
			defer stop()
			setup, err := loadConfig(ctx, std, *file, host.Options{PluginDir: *pluginDir})
			if err != nil {
				return err
			}
			if len(setup.Missing) > 0 {
				sayMissing(std, setup.Missing)
				std.say("\n%s could not be checked in full: the settings of these providers are unknown.", *file)
				return reported(exitUsage)
			}
			_, err = fmt.Fprintf(std.out, "%s is valid: %s\n", *file, summary(setup))
			return err
		}
	}}
}
