package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/schema"
)

const endpointsOpenUsage = `Open an endpoint's circuit breaker: it takes no requests.

Usage:
  backplane endpoints open ID [-for 10m] [-reason TEXT] [-admin ADDR] [-json]

Requests are refused, and routes go on to their next endpoint; what runs is
finished. Without -for the circuit stays open until 'backplane endpoints close'.

Example:
  $ backplane endpoints open fast -for 10m -reason "maintenance of the service"
  fast: open until 10:34:07

Flags:
  -for 10m      close by itself after this time, by a probe
  -reason TEXT  why, for the history
  -admin ADDR   address of the admin API (BACKPLANE_ADMIN)
  -json         print the circuit as JSON
`

const endpointsCloseUsage = `Close an endpoint's circuit breaker: it takes requests again.

Usage:
  backplane endpoints close ID [-reason TEXT] [-admin ADDR] [-json]

It closes at once, however it was opened, and its window begins anew.

Example:
  $ backplane endpoints close fast
  fast: closed

Flags:
  -reason TEXT  why, for the history
  -admin ADDR   address of the admin API (BACKPLANE_ADMIN)
  -json         print the circuit as JSON
`

// circuitChange is what the admin API takes.
type circuitChange struct {
	State  string `json:"state"`
	For    string `json:"for,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func endpointsOpenCommand() *command {
	return &command{name: "open", usage: endpointsOpenUsage, setup: func(fs *flag.FlagSet) runFunc {
		d := fs.Duration("for", 0, "close after this time")
		return circuitCommand(fs, func() (circuitChange, error) {
			change := circuitChange{State: "open"}
			switch {
			case *d < 0:
				return change, usagef("flag -for: %s is wrong: at least 0s", *d)
			case *d > 0:
				change.For = schema.FormatDuration(*d)
			}
			return change, nil
		})
	}}
}

func endpointsCloseCommand() *command {
	return &command{name: "close", usage: endpointsCloseUsage, setup: func(fs *flag.FlagSet) runFunc {
		return circuitCommand(fs, func() (circuitChange, error) { return circuitChange{State: "closed"}, nil })
	}}
}

// circuitCommand sends the change that the flags ask for.
func circuitCommand(fs *flag.FlagSet, wanted func() (circuitChange, error)) runFunc {
	reason := fs.String("reason", "", "why")
	admin, asJSON := adminFlag(fs), jsonFlag(fs)
	return func(ctx context.Context, std streams, args []string) error {
		if err := wantArgs(fs, args, "the ID of an endpoint"); err != nil {
			return err
		}
		change, err := wanted()
		if err != nil {
			return err
		}
		change.Reason = *reason
		a, err := newAdmin(*admin)
		if err != nil {
			return err
		}
		body, err := json.Marshal(change)
		if err != nil {
			return fmt.Errorf("encode the change: %w", err)
		}
		var c status.Circuit
		if err := a.call(ctx, http.MethodPut, endpointPath(args[0])+"/circuit", body, &c); err != nil {
			return err
		}
		if *asJSON {
			return printJSON(std.out, c)
		}
		until := ""
		if c.State == status.CircuitOpen && c.RetryAt != nil {
			until = " until " + c.RetryAt.Local().Format(time.TimeOnly)
		}
		_, err = fmt.Fprintf(std.out, "%s: %s%s\n", args[0], c.State, until)
		return err
	}
}
