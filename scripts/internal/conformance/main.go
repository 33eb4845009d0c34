// Command conformance checks every built plugin through the command line that
// its users have, `backplane conformance`, and prints a table of what came of it.
// scripts/conformance builds and runs it.
//
// The stand-in for a plugin's service is the fake of that plugin's own tests,
// which lends it out (providertest.RunBinary); so the binaries that are shipped
// go through all cases, not only through those that need no service.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Where things lie, from the top of the repository.
const (
	binary = "bin/backplane"
	prefix = "bin/plugins/backplane-provider-"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// run checks the named plugins, or all that there are.
func run(ctx context.Context, names []string) error {
	if len(names) == 0 {
		found, err := filepath.Glob("plugins/*/main.go")
		if err != nil || len(found) == 0 {
			return errors.New("no plugin below plugins; run this from the top of the repository")
		}
		for _, path := range found {
			names = append(names, filepath.Base(filepath.Dir(path)))
		}
	}
	dir, err := os.MkdirTemp("", "backplane-conformance-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder for temporary files
	var rows []row
	for _, name := range names {
		r := checkPlugin(ctx, dir, name)
		rows = append(rows, r)
		if r.broken() {
			fmt.Printf("%s: %v\n%s", name, r.err, r.output)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return report(os.Stdout, rows)
}
