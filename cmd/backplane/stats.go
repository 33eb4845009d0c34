package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const endpointsStatsUsage = `Print what the host counted.

Usage:
  backplane endpoints stats [ID] [-admin ADDR] [-json]

Without an ID a table with one line for each endpoint, with one everything about
that endpoint. Counters begin when the endpoint was created.

Example:
  $ backplane endpoints stats
  ENDPOINT  REQUESTS  OK  ERRORS  CANCELED  RETRIES  RUNNING  QUEUED  P50    P99    TOKENS  CIRCUIT
  echo      12        11  1       0         2        0        0       104ms  233ms  36+40   closed

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON
`

func endpointsStatsCommand() *command {
	return &command{name: "stats", usage: endpointsStatsUsage, setup: func(fs *flag.FlagSet) runFunc {
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return allStats(ctx, std, a, *asJSON)
			}
			if err := wantArgs(fs, args, "the ID of an endpoint"); err != nil {
				return err
			}
			return oneStats(ctx, std, a, args[0], *asJSON)
		}
	}}
}

func allStats(ctx context.Context, std streams, a *admin, asJSON bool) error {
	var list []status.Stats
	if err := a.list(ctx, http.MethodGet, "/stats", &list); err != nil {
		return err
	}
	if asJSON {
		return printJSON(std.out, list)
	}
	t := newTable(std.out, "ENDPOINT", "REQUESTS", "OK", "ERRORS", "CANCELED", "RETRIES",
		"RUNNING", "QUEUED", "P50", "P99", "TOKENS", "CIRCUIT")
	for _, s := range list {
		t.row(s.Endpoint, number(s.Requests), number(s.Success), number(s.Errors), number(s.Canceled), number(s.Retries),
			strconv.Itoa(s.InFlight), strconv.Itoa(s.Queued), quantile(s.Latency, s.Latency.P50), quantile(s.Latency, s.Latency.P99),
			fmt.Sprintf("%d+%d", s.Tokens.Input, s.Tokens.Output), string(s.Circuit.State))
	}
	return t.flush()
}

func oneStats(ctx context.Context, std streams, a *admin, id string, asJSON bool) error {
	var s status.Stats
	if err := a.call(ctx, http.MethodGet, endpointPath(id)+"/stats", nil, &s); err != nil {
		return err
	}
	if asJSON {
		return printJSON(std.out, s)
	}
	return printStats(std.out, &s)
}

// printStats writes everything about one endpoint, one fact a line.
func printStats(out io.Writer, s *status.Stats) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(label, format string, args ...any) {
		_, _ = fmt.Fprintf(w, label+"\t"+format+"\n", args...) // the error comes again from Flush
	}
	p("endpoint", "%s (provider %s, since %s)", s.Endpoint, s.Provider, s.CreatedAt.Local().Format(time.DateTime))
	p("requests", "%d: %d ok, %d errors, %d canceled", s.Requests, s.Success, s.Errors, s.Canceled)
	for _, code := range sortedCodes(s.ErrorsByCode) {
		p("  "+string(code), "%d", s.ErrorsByCode[code])
	}
	if refused := refusals(s.Refused); refused != "" {
		p("refused", "by the queue: %s", refused)
	}
	p("attempts", "%d, of which %d retries", s.Attempts, s.Retries)
	if s.Paced > 0 {
		p("paced", "%d attempts waited for a rate limit", s.Paced)
	}
	p("now", "%d running, %d queued (%d bytes)", s.InFlight, s.Queued, s.QueuedBytes)
	p("latency", "%s", quantiles(s.Latency))
	p("first token", "%s", quantiles(s.TimeToFirstToken))
	p("queue wait", "%s", quantiles(s.QueueWait))
	p("tokens", "%d in, %d out, %d cached", s.Tokens.Input, s.Tokens.Output, s.Tokens.Cached)
	p("circuit", "%s; %d of %d attempts failed in the window; %s", s.Circuit.State,
		s.Circuit.Failures, s.Circuit.Total, opened(s.Circuit.Trips))
	for _, t := range s.Circuit.History {
		p("  "+t.At.Local().Format(time.TimeOnly), "%s to %s: %s", t.From, t.To, t.Reason)
	}
	return w.Flush()
}

// quantile shows one of q's values, nothing if none was measured.
func quantile(q status.Quantiles, value float64) string {
	if q.Count == 0 {
		return ""
	}
	return seconds(value)
}

func quantiles(q status.Quantiles) string {
	if q.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  max %s", seconds(q.P50), seconds(q.P90), seconds(q.P99), seconds(q.Max))
}

func sortedCodes(counts map[provider.Code]uint64) []provider.Code {
	codes := make([]provider.Code, 0, len(counts))
	for c := range counts {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}

// refusals lists the reasons of a queue with their counts.
func refusals(counts map[status.Refusal]uint64) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(parts, ", ")
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
