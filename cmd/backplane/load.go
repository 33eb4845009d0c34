package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/backplane-dev/backplane/host"
)

// loadConfig reads a configuration and prints all that is to say about it to
// standard error. A configuration that cannot be used is an error that has been
// told.
func loadConfig(ctx context.Context, std streams, file string, opts host.Options) (*host.Setup, error) {
	setup, err := host.Load(ctx, file, opts)
	if ctx.Err() != nil {
		return nil, reported(exitInterrupted)
	}
	if setup != nil {
		if err := setup.Diagnostics.Write(std.err, wantsColor(std.err)); err != nil {
			return nil, err
		}
	}
	if err != nil {
		std.say("\n%s cannot be used.", file)
		return nil, reported(exitUsage)
	}
	return setup, nil
}

// sayMissing tells about plugins that could not be found or asked.
func sayMissing(std streams, missing map[string]error) {
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		std.say("Error: Provider cannot be checked\n  %v", missing[name])
	}
}

// wantsColor reports whether w is a terminal whose user did not ask for plain
// text (https://no-color.org).
func wantsColor(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// summary says what a configuration holds.
func summary(setup *host.Setup) string {
	c := setup.Config
	return fmt.Sprintf("%s, %s, %s", count(len(c.Providers), "provider"), count(len(c.Endpoints), "endpoint"), count(len(c.Routes), "route"))
}
