package main

import (
	"context"
	"flag"
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/host/status"
)

const providersUsage = `Look at provider plugins, replace their processes, and pin their binaries.

Usage:
  backplane providers list [-v] [-admin ADDR] [-json]
  backplane providers describe NAME|BINARY [-admin ADDR] [-json]

  backplane providers swap NAME      replace the process by one of the new binary
  backplane providers rollback NAME  go back to what ran before
  backplane providers restart NAME   replace the process by one of the same kind

  backplane providers lock -config FILE [NAME...]   pin the binaries
  backplane providers keygen -out FILE              make a key to sign with
  backplane providers sign -key FILE BINARY...      sign binaries

  backplane providers new NAME       write the Go module of a new provider

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
  NAME  STATE  VERSION  PID    RESTARTS  IN FLIGHT  SINCE  ENDPOINTS
  echo  ready  0.2.0    41210  1         3          2s     echo
    binary     bin/plugins/backplane-provider-echo
    process    41210 ready, version 0.2.0, generation 3, 3 in flight, sha256 9f86d081884c (sealed)
    uses       memory 19MiB, cpu 40ms, 11 files, 8 threads
    confined   no_new_privs, no_capabilities, isolation, files, rlimits
    missing    memory: there is no cgroup to put it in
    crashes    1 in the last 10 minutes
    trial      for 58s more, then it is taken as good
    change     2s ago: 0.1.0 -> 0.2.0, process 41210
    last exit  exit status 2
    log        panic: boom

With -v there is a line for each process that lives: after a change the old one
finishes what it has beside the new one. "missing" is what should confine the
process but is not to be had on this machine.

States: starting, ready, backoff (it crashed and waits to start again),
quarantined (it crashed too often; see 'providers restart'), idle (no call needs
it), failed (it could not be started), stopped.

Flags:
  -v           print the binary, the last exit and the last log lines too
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON
`

func providersCommand() *command {
	return &command{name: "providers", usage: providersUsage, sub: []*command{
		providersListCommand(), providersDescribeCommand(),
		changeCommand("swap", providersSwapUsage), changeCommand("rollback", providersRollbackUsage),
		changeCommand("restart", providersRestartUsage),
		providersLockCommand(), providersKeygenCommand(), providersSignCommand(),
		providersNewCommand(),
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
