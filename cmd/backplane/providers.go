package main

import (
	"context"
	"flag"
	"net/http"
	"net/url"
	"strconv"

	"github.com/backplane-dev/backplane/host/status"
)

const providersUsage = `Look at provider plugins.

Usage:
  backplane providers list [-v] [-admin ADDR] [-json]
  backplane providers describe NAME|BINARY [-admin ADDR] [-json]

Example:
  $ backplane providers list
  NAME  STATE  VERSION  PID    RESTARTS  IN FLIGHT  SINCE  ENDPOINTS
  echo  ready  0.1.0    41207  0         0          3m     echo

Run 'backplane providers list -help' for more.
`

const providersListUsage = `List the providers of a running host: state, process, last log lines.

Usage:
  backplane providers list [-v] [-admin ADDR] [-json]

Example:
  $ backplane providers list -v
  NAME  STATE    VERSION  PID  RESTARTS  IN FLIGHT  SINCE  ENDPOINTS
  echo  backoff  0.1.0    -    3         0          2s     echo
    reason     the process ended: exit status 2
    binary     bin/plugins/backplane-provider-echo
    last exit  exit status 2
    log        panic: boom

States: starting, ready, backoff (it crashed and waits to start again), failed
(it could not be started), stopped.

Flags:
  -v           print the binary, the last exit and the last log lines too
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON
`

func providersCommand() *command {
	return &command{name: "providers", usage: providersUsage, sub: []*command{
		providersListCommand(), providersDescribeCommand(),
	}}
}

func providersListCommand() *command {
	return &command{name: "list", usage: providersListUsage, setup: func(fs *flag.FlagSet) runFunc {
		verbose := fs.Bool("v", false, "print more")
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			list, err := a.providers(ctx, *verbose)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, list)
			}
			return printProviders(std, list, *verbose)
		}
	}}
}

// providers asks for the state of all providers, with their last log lines if
// asked for: lists come without.
func (a *admin) providers(ctx context.Context, withLog bool) ([]status.Provider, error) {
	var list []status.Provider
	if err := a.list(ctx, http.MethodGet, "/providers", &list); err != nil || !withLog {
		return list, err
	}
	for i := range list {
		if err := a.call(ctx, http.MethodGet, "/providers/"+url.PathEscape(list[i].Name), nil, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// printProviders prints a table; with details, each row is followed by lines
// that would not fit a column, as are rows of providers that are not well.
func printProviders(std streams, list []status.Provider, details bool) error {
	t := newTable(std.out, "NAME", "STATE", "VERSION", "PID", "RESTARTS", "IN FLIGHT", "SINCE", "ENDPOINTS")
	for _, p := range list {
		pid := ""
		if p.PID > 0 {
			pid = strconv.Itoa(p.PID)
		}
		t.row(p.Name, string(p.State), p.Version, pid, strconv.FormatUint(p.Restarts, 10),
			strconv.Itoa(p.InFlight), age(p.Since), join(p.Endpoints))
		if details || p.State != status.ProviderReady {
			t.note("reason", p.Reason)
		}
		if details {
			t.note("binary", p.Path)
			t.note("last exit", p.LastExit)
			for i, line := range p.Log {
				t.note(map[bool]string{true: "log"}[i == 0], line)
			}
		}
	}
	return t.flush()
}
