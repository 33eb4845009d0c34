package main

import (
	"context"
	"flag"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

const requestsUsage = `Look at recent requests.

Usage:
  backplane requests list [-endpoint ID] [-limit N] [-admin ADDR] [-json]

The host remembers the requests of the last hour, up to a bound. Newest first.

Example:
  $ backplane requests list -limit 2
  TIME      REQUEST       ENDPOINT  OPERATION  MODEL  RESULT      ATTEMPTS  TOOK   QUEUED  TOKENS
  10:24:07  req_9f2c01e7  echo      chat       echo   ok          1         212ms  8µs     1+2
  10:24:01  req_1b77ac02  echo      chat       echo   rate_limit  4         8.31s  11µs    0+0

Flags:
  -endpoint ID  only requests of this endpoint
  -limit N      at most so many, default 20
  -admin ADDR   address of the admin API (BACKPLANE_ADMIN)
  -json         print JSON, with the error messages
`

func requestsCommand() *command {
	return &command{name: "requests", usage: requestsUsage, sub: []*command{requestsListCommand()}}
}

func requestsListCommand() *command {
	return &command{name: "list", usage: requestsUsage, setup: func(fs *flag.FlagSet) runFunc {
		endpoint := fs.String("endpoint", "", "only this endpoint")
		limit := fs.Int("limit", 20, "at most so many")
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			if *limit < 1 {
				return usagef("flag -limit: %d is wrong: at least 1", *limit)
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			list, err := a.requests(ctx, *endpoint, *limit)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, list)
			}
			return printRequests(std, list)
		}
	}}
}

func printRequests(std streams, list []status.Request) error {
	t := newTable(std.out, "TIME", "REQUEST", "ENDPOINT", "OPERATION", "MODEL", "RESULT", "ATTEMPTS", "TOOK", "QUEUED", "TOKENS")
	for _, r := range list {
		result := "ok"
		if !r.Success {
			result = string(r.Code)
		}
		tokens := strconv.FormatInt(r.Usage.Input, 10) + "+" + strconv.FormatInt(r.Usage.Output, 10)
		t.row(r.At.Local().Format(time.TimeOnly), r.ID, r.Endpoint, r.Operation, r.Model, result,
			strconv.Itoa(r.Attempts), short(r.Duration), short(r.QueueWait), tokens)
	}
	return t.flush()
}

// requests asks for recent requests, of all endpoints if endpoint is empty.
func (a *admin) requests(ctx context.Context, endpoint string, limit int) ([]status.Request, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if endpoint != "" {
		query.Set("endpoint", endpoint)
	}
	var list []status.Request
	err := a.list(ctx, http.MethodGet, "/requests?"+query.Encode(), &list)
	return list, err
}
