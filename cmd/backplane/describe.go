package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const describeUsage = `Say what a provider can do and which settings it takes.

Usage:
  backplane providers describe NAME [-admin ADDR] [-json]
  backplane providers describe BINARY [-json]

NAME is a provider of the running host. BINARY is a path, with a slash in it,
to a plugin; no host is needed then.

Example:
  $ backplane providers describe bin/plugins/backplane-provider-echo

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print the manifest as JSON
`

func providersDescribeCommand() *command {
	return &command{name: "describe", usage: describeUsage, setup: func(fs *flag.FlagSet) runFunc {
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "NAME or BINARY"); err != nil {
				return err
			}
			m, err := findManifest(ctx, args[0], *admin)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, m)
			}
			return printManifest(std.out, m)
		}
	}}
}

// findManifest asks the binary if name is a path, else the running host.
func findManifest(ctx context.Context, name, adminAddr string) (*provider.Manifest, error) {
	if strings.ContainsRune(name, '/') || strings.ContainsRune(name, filepath.Separator) {
		return host.Describe(ctx, name)
	}
	a, err := newAdmin(adminAddr)
	if err != nil {
		return nil, err
	}
	var p status.Provider
	if err := a.call(ctx, http.MethodGet, "/providers/"+url.PathEscape(name), nil, &p); err != nil {
		return nil, err
	}
	if p.Manifest == nil {
		return nil, fmt.Errorf("provider %q could not be asked: %s", name, p.Reason)
	}
	return p.Manifest, nil
}
