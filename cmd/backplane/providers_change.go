package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/host/status"
)

const providersSwapUsage = `Replace a provider's process by one of its binary as it is now.

Usage:
  backplane providers swap NAME [-admin ADDR] [-json]

No request fails: the new process is started, given all endpoints and probed
beside the old one. Then requests go to it, and the old one finishes what it has.
If anything is wrong with the new version nothing is changed, and the reason is
printed: it is not the pinned or the signed one, its settings do not fit, it does
not start. A new version that crashes in its trial time (provider.trial, 60s) is
rolled back by itself.

Example:
  $ mv new-version bin/plugins/backplane-provider-echo
  $ backplane providers lock -config config.hcl echo
  $ backplane providers swap echo
  echo runs 0.2.0 now, process 41210, after 84ms; before: 0.1.0, process 41207

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON

Exits with 0 if the provider runs that binary now, also if it did before; with 4
if nothing was changed.
`

const providersRollbackUsage = `Go back to what a provider ran before its latest change.

Usage:
  backplane providers rollback NAME [-admin ADDR] [-json]

The binary of then is still there, whatever is on disk, and so are the settings
that the endpoints had with it. What was changed by hand since stays. No request
fails. A second rollback is a way forward again.

Example:
  $ backplane providers rollback echo
  echo runs 0.1.0 now, process 41213, after 79ms; before: 0.2.0, process 41210

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON
`

const providersRestartUsage = `Replace a provider's process by one of the same kind.

Usage:
  backplane providers restart NAME [-admin ADDR] [-json]

No request fails. A provider in quarantine, or one that failed to start, is
started at once.

Example:
  $ backplane providers restart echo
  echo runs 0.1.0 now, process 41213, after 79ms; before: 0.1.0, process 41210

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON
`

// changeCommand is the command for a change of a provider's process, which has
// the same name in the admin API.
func changeCommand(name, usage string) *command {
	return &command{name: name, usage: usage, setup: func(fs *flag.FlagSet) runFunc {
		addr, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "NAME"); err != nil {
				return err
			}
			a, err := newAdmin(*addr)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(ctx)
			defer stop()
			var swap status.Swap
			if err := a.call(ctx, http.MethodPost, "/providers/"+url.PathEscape(args[0])+"/"+name, nil, &swap); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, swap)
			}
			_, err = fmt.Fprintln(std.out, sayChange(swap))
			return err
		}
	}}
}

// sayChange is one line about a change.
func sayChange(s status.Swap) string {
	if !s.Changed || s.To == nil {
		return fmt.Sprintf("%s runs that already: %s", s.Provider, sayProcess(s.To))
	}
	return fmt.Sprintf("%s runs %s now, process %d, after %s; before: %s",
		s.Provider, s.To.Version, s.To.PID, short(s.Took), sayProcess(s.From))
}

func sayProcess(g *status.Generation) string {
	if g == nil {
		return "no process"
	}
	return fmt.Sprintf("%s, process %d", g.Version, g.PID)
}
