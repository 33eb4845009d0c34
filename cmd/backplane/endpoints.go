package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const endpointsUsage = `Look at and change the endpoints of a running host.

Usage:
  backplane endpoints list
  backplane endpoints create ID -provider NAME [flags]
  backplane endpoints test ID
  backplane endpoints stats [ID]
  backplane endpoints explain ID
  backplane endpoints open ID
  backplane endpoints close ID
  backplane endpoints delete ID

Example:
  $ backplane endpoints create slow -provider echo -set words_per_second=2
  $ backplane endpoints test slow
  $ backplane chat -endpoint slow "hello there"
  $ backplane endpoints stats slow
  $ backplane endpoints explain slow
  $ backplane endpoints delete slow

Endpoints made here are gone after a restart of the host; write them into its
configuration to keep them.

Run 'backplane help endpoints COMMAND' for the flags.
`

const endpointsListUsage = `List endpoints.

Usage:
  backplane endpoints list [-admin ADDR] [-json]

Example:
  $ backplane endpoints list
  ID    PROVIDER  MODEL  CIRCUIT  KEY  ORIGIN  OPERATIONS
  echo  echo      echo   closed   no   config  chat,embeddings,models

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON, with settings and policies
`

const endpointsDeleteUsage = `Delete an endpoint.

Usage:
  backplane endpoints delete ID [-admin ADDR]

Requests that run are finished, those that wait are refused.

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
`

func endpointsCommand() *command {
	return &command{name: "endpoints", usage: endpointsUsage, sub: []*command{
		endpointsListCommand(), endpointsCreateCommand(), endpointsTestCommand(),
		endpointsStatsCommand(), endpointsExplainCommand(), endpointsOpenCommand(), endpointsCloseCommand(),
		endpointsDeleteCommand(),
	}}
}

func endpointsListCommand() *command {
	return &command{name: "list", usage: endpointsListUsage, setup: func(fs *flag.FlagSet) runFunc {
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			var list []status.Endpoint
			if err := a.list(ctx, http.MethodGet, "/endpoints", &list); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, list)
			}
			return printEndpoints(std, list)
		}
	}}
}

func printEndpoints(std streams, list []status.Endpoint) error {
	t := newTable(std.out, "ID", "PROVIDER", "MODEL", "CIRCUIT", "KEY", "ORIGIN", "OPERATIONS")
	for _, e := range list {
		key := "no"
		if e.HasKey {
			key = "yes"
		}
		t.row(e.ID, e.Provider, e.Model, string(e.Circuit), key, e.Origin, operations(e.Operations, ","))
		t.note("problem", e.Problem)
	}
	return t.flush()
}

// maxOperations is how many operations a table names: some providers have twenty.
const maxOperations = 6

// operations names the first operations and counts the rest.
func operations(ops []provider.Operation, comma string) string {
	names := make([]string, 0, maxOperations+1)
	for i, op := range ops {
		if left := len(ops) - i; i == maxOperations-1 && left > 1 {
			names = append(names, fmt.Sprintf("+%d", left))
			break
		}
		names = append(names, op.Name)
	}
	return strings.Join(names, comma)
}

func endpointsDeleteCommand() *command {
	return &command{name: "delete", usage: endpointsDeleteUsage, setup: func(fs *flag.FlagSet) runFunc {
		admin := adminFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "the ID of an endpoint"); err != nil {
				return err
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			if err := a.call(ctx, http.MethodDelete, endpointPath(args[0]), nil, nil); err != nil {
				return err
			}
			std.say("deleted endpoint %s", args[0])
			return nil
		}
	}}
}

func endpointPath(id string) string { return "/endpoints/" + url.PathEscape(id) }
