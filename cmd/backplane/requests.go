package main

import (
	"context"
	"flag"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/schema"
)

const requestsUsage = `Look at recent requests.

Usage:
  backplane requests list [filters]
  backplane requests show ID

The host remembers the requests of the last hour, up to a bound, and each of
their attempts.

Run 'backplane help requests COMMAND' for the filters.
`

const requestsListUsage = `List recent requests, newest first.

Usage:
  backplane requests list [filters] [-n N] [-admin ADDR] [-json]

A request that was sent to several endpoints is listed once for each.

Example:
  $ backplane requests list -code failed -since 15m -n 2
  TIME      REQUEST       ENDPOINT  OPERATION  MODEL  RESULT      ATTEMPTS  TOOK   QUEUED  TOKENS
  10:24:07  req_9f2c01e7  echo      chat       echo   timeout     1         60s    8µs     0+0
  10:24:01  req_1b77ac02  echo      chat       echo   rate_limit  4         8.31s  11µs    0+0

Filters:
  -endpoint ID  of this endpoint
  -code CODE    that ended with this code, or had an attempt that did; "ok",
                or "failed" for any code
  -model NAME   that asked for this model
  -tenant NAME  of this tenant
  -text TEXT    whose id, operation, model, tenant or errors contain this
  -since 15m    of the last so many minutes
  -slower 2s    that took at least so long

Flags:
  -n N          at most so many, default 20
  -limit N      the same
  -admin ADDR   address of the admin API (BACKPLANE_ADMIN)
  -json         print JSON, with error messages and attempts
`

func requestsCommand() *command {
	return &command{name: "requests", usage: requestsUsage, sub: []*command{requestsListCommand(), requestsShowCommand()}}
}

// requestFilters are the filters as flags.
type requestFilters struct {
	words         map[string]*string
	since, slower *time.Duration
	limit         int
}

func requestFilterFlags(fs *flag.FlagSet) *requestFilters {
	f := &requestFilters{words: make(map[string]*string)}
	for _, name := range []string{"endpoint", "code", "model", "tenant", "text"} {
		f.words[name] = fs.String(name, "", "only these")
	}
	f.since = fs.Duration("since", 0, "only of the last so long")
	f.slower = fs.Duration("slower", 0, "only those that took so long")
	fs.IntVar(&f.limit, "n", 20, "at most so many")
	fs.IntVar(&f.limit, "limit", 20, "at most so many")
	return f
}

// query writes the filters for the admin API, which knows the codes.
func (f *requestFilters) query() (url.Values, error) {
	if f.limit < 1 {
		return nil, usagef("flag -n: %d is wrong: at least 1", f.limit)
	}
	query := url.Values{"limit": {strconv.Itoa(f.limit)}}
	for name, value := range f.words {
		if *value != "" {
			query.Set(name, *value)
		}
	}
	for name, d := range map[string]time.Duration{"since": *f.since, "slower": *f.slower} {
		if d < 0 {
			return nil, usagef("flag -%s: %s is wrong: at least 0s", name, d)
		}
		if d > 0 {
			query.Set(name, schema.FormatDuration(d))
		}
	}
	return query, nil
}

func requestsListCommand() *command {
	return &command{name: "list", usage: requestsListUsage, setup: func(fs *flag.FlagSet) runFunc {
		filters := requestFilterFlags(fs)
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			query, err := filters.query()
			if err != nil {
				return err
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			var list []status.Request
			if err := a.list(ctx, http.MethodGet, "/requests?"+query.Encode(), &list); err != nil {
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
		t.row(r.At.Local().Format(time.TimeOnly), r.ID, r.Endpoint, r.Operation, r.Model, result(r.Success, string(r.Code)),
			strconv.Itoa(r.Attempts), short(r.Duration), short(r.QueueWait), tokens(&r))
	}
	return t.flush()
}

func result(ok bool, code string) string {
	if ok {
		return "ok"
	}
	return code
}

func tokens(r *status.Request) string {
	return strconv.FormatInt(r.Usage.Input, 10) + "+" + strconv.FormatInt(r.Usage.Output, 10)
}
