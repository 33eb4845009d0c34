package main

import (
	"context"
	"flag"
	"net/http"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const modelsUsage = `List the models that can be asked for.

Usage:
  backplane models [-addr ADDR] [-json]

Example:
  $ backplane models
  MODEL  OWNED BY  CREATED
  echo   echo      -

Flags:
  -addr ADDR  address of the HTTP API (BACKPLANE_ADDR, http://127.0.0.1:8080)
  -json       print the list as the API answers it
`

func modelsCommand() *command {
	return &command{name: "models", usage: modelsUsage, setup: func(fs *flag.FlagSet) runFunc {
		addr, asJSON := addrFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			c, err := newClient(*addr, "addr")
			if err != nil {
				return err
			}
			var list provider.ModelList
			if err := c.do(ctx, http.MethodGet, "/v1/models", nil, &list); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, list)
			}
			return printModels(std, list.Data)
		}
	}}
}

func printModels(std streams, models []provider.Model) error {
	t := newTable(std.out, "MODEL", "OWNED BY", "CREATED")
	for _, m := range models {
		created := ""
		if m.Created > 0 {
			created = time.Unix(m.Created, 0).UTC().Format(time.DateOnly)
		}
		t.row(m.ID, m.OwnedBy, created)
	}
	return t.flush()
}
