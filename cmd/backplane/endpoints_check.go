package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"

	"github.com/backplane-dev/backplane/host/status"
)

const endpointsTestUsage = `Ask an endpoint's service whether it answers and accepts the key.

Usage:
  backplane endpoints test ID [-admin ADDR] [-json]

It costs as little as the service allows, a list of models as a rule.

Example:
  $ backplane endpoints test echo
  echo: ok (1.2ms)

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print the report as JSON

Exits with 0 if the service is well, with 4 if not.
`

func endpointsTestCommand() *command {
	return endpointCommand("test", endpointsTestUsage, http.MethodPost, func(std streams, id string, report *status.Report) error {
		_, err := fmt.Fprintf(std.out, "%s: ok (%s)\n", id, short(report.Total))
		return err
	})
}

// endpointCommand asks the host about one endpoint, at the path of the command's
// own name, and prints the answer.
func endpointCommand[T any](name, usage, method string, print func(std streams, id string, answer *T) error) *command {
	return &command{name: name, usage: usage, setup: func(fs *flag.FlagSet) runFunc {
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "the ID of an endpoint"); err != nil {
				return err
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			var answer T
			if err := a.call(ctx, method, endpointPath(args[0])+"/"+name, nil, &answer); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, answer)
			}
			return print(std, args[0], &answer)
		}
	}}
}
