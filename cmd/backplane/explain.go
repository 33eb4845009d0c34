package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/schema"
)

const endpointsExplainUsage = `Say what an endpoint would do with a request now, and why.

Usage:
  backplane endpoints explain ID [-admin ADDR] [-json]

Example:
  $ backplane endpoints explain flaky
  endpoint  flaky
  now       refused: the circuit breaker is open
  queue     0 of 100 wait (0B of 64MiB), 0 of 5 run
  circuit   open since 10:24:07: 8 of 11 attempts failed in the window; opened once
            a probe may pass in 7.2s
            10:24:07  closed to open: 8 of 11 attempts in 1m failed, more than 50%
  retry     up to 3 more attempts; 4.1 of 10 tokens of the budget are left

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON
`

func endpointsExplainCommand() *command {
	return endpointCommand("explain", endpointsExplainUsage, http.MethodGet, func(std streams, _ string, e *status.Explanation) error {
		return printExplanation(std.out, e)
	})
}

// printExplanation writes the verdict first, then each policy with its numbers.
// Moments are told relative to the host's own clock.
func printExplanation(out io.Writer, e *status.Explanation) error {
	f := newPage(out)
	f.add("endpoint", "%s", e.Endpoint)
	f.add("now", "%s", e.Verdict)
	explainQueue(f, &e.Queue)
	if g := e.Gate; g != nil {
		f.add("gate", "shut for %s: %s", timeLeft(g.Until, e.At), g.Why)
	}
	if k := e.Key; k != nil {
		f.add("key", "not used for %s (%s): %s", timeLeft(k.Until, e.At), k.Code, k.Why)
	}
	explainCircuit(f, &e.Circuit, e.At)
	f.add("retry", "%s", retryText(&e.Retry))
	for i, l := range e.Limits {
		f.add(onFirst(i, "limits"), "%s", limitText(&l))
	}
	if a := e.Adapt; a != nil {
		f.add("adapt", "%d at once; first token after %s, %s without load%s", a.Limit, short(a.Median), short(a.Base), because(a.Reason))
	}
	if h := e.Hedge; h != nil {
		f.add("hedge", "after %s; %.3g second attempts are left; %d sent, %d of them answered first", short(h.Delay), h.Tokens, h.Sent, h.Won)
	}
	return f.w.Flush()
}

func explainQueue(f page, q *status.QueueNow) {
	size := fmt.Sprintf("%d of %d wait (%s of %s)", q.Waiting, q.Size, schema.FormatSize(q.Bytes), schema.FormatSize(q.MaxBytes))
	switch {
	case q.Unbounded:
		size = fmt.Sprintf("%d wait (%s), without bound", q.Waiting, schema.FormatSize(q.Bytes))
	case q.MaxBytes == 0:
		size = fmt.Sprintf("%d of %d wait (%s)", q.Waiting, q.Size, schema.FormatSize(q.Bytes))
	}
	running := fmt.Sprintf("%d of %d run", q.InFlight, q.MaxConcurrent)
	if q.MaxConcurrent == 0 {
		running = fmt.Sprintf("%d run, without limit", q.InFlight)
	}
	f.add("queue", "%s, %s", size, running)
	if q.Waiting > 0 {
		estimate := ""
		if q.Estimate > 0 {
			estimate = "; who comes now waits about " + short(q.Estimate)
		}
		f.add("", "the oldest has waited %s%s", short(q.Oldest), estimate)
	}
	if q.Overloaded {
		f.add("", "overloaded: not empty for more than %s, so that waits are cut to %s", short(q.Interval), short(q.Target))
	}
	for _, c := range q.Classes {
		tenants := make([]string, len(c.Tenants))
		for i, t := range c.Tenants {
			tenants[i] = fmt.Sprintf("%s %d", orDash(t.Tenant), t.Waiting)
		}
		f.add("", "%s priority: %d wait%s", c.Priority, c.Waiting, because(strings.Join(tenants, ", ")))
	}
}

func explainCircuit(f page, c *status.Circuit, now time.Time) {
	if c.State == status.CircuitDisabled {
		f.add("circuit", "disabled")
		return
	}
	f.add("circuit", "%s since %s: %d of %d attempts failed in the window; %s", c.State, c.Since.Local().Format(time.TimeOnly), c.Failures, c.Total, opened(c.Trips))
	if c.RetryAt != nil {
		f.add("", "a probe may pass in %s", timeLeft(*c.RetryAt, now))
	}
	for _, t := range c.History {
		f.add("", "%s  %s to %s: %s", t.At.Local().Format(time.TimeOnly), t.From, t.To, t.Reason)
	}
}

func retryText(r *status.RetryNow) string {
	switch {
	case r.Max == 0:
		return "none"
	case r.Capacity == 0:
		return fmt.Sprintf("up to %d more attempts, without a budget", r.Max)
	default:
		return fmt.Sprintf("up to %d more attempts; %.3g of %.3g tokens of the budget are left", r.Max, r.Tokens, r.Capacity)
	}
}

func limitText(l *status.LimitNow) string {
	of, whose := "", "configured"
	if l.Model != "" {
		of = " of " + l.Model
	}
	if l.Source == "headers" {
		whose = "announced by the service"
	}
	return fmt.Sprintf("%s%s: %s of %s left, %s more a second (%s)", l.Meter, of, level(l.Level), figure(l.Limit), figure(l.PerSecond), whose)
}

// level writes what is left of a limit, by tenths and rounded down: what is not
// quite there is not there.
func level(n float64) string {
	return strconv.FormatFloat(math.Floor(n*10+1e-6)/10, 'f', -1, 64)
}

// figure writes a number with three digits, or as many as it has before the point.
func figure(n float64) string {
	if n >= 100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}

// timeLeft is the time from now to a moment, at least 0.
func timeLeft(until, now time.Time) string { return short(max(until.Sub(now), 0)) }

// onFirst is the label of a fact's first line, "" for the others.
func onFirst(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}

// because appends a reason, if there is one.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// opened says how often a circuit was opened.
func opened(n uint64) string {
	switch n {
	case 0:
		return "never opened"
	case 1:
		return "opened once"
	default:
		return fmt.Sprintf("opened %d times", n)
	}
}
