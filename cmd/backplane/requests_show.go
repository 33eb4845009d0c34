package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

const requestsShowUsage = `Tell the story of a recent request.

Usage:
  backplane requests show ID [-admin ADDR] [-json]

The ID is that of the answer's header x-request-id. Each endpoint that took the
request tells its part: every attempt with its wait, the state of the circuit
that let it pass, the time of the call, how it ended and what came of that.

Example:
  $ backplane requests show req_1b77ac02
  request  req_1b77ac02: streamed chat of model echo at endpoint limited (provider echo)
  arrived  2026-01-31 10:24:01.204
  took     2s: 886µs queued, 2s between attempts, 3ms with the provider
           the first chunk came 1.5ms after its attempt began
  result   ok, 1+2 tokens
  try 1    after 0s: rate_limit in 1.4ms: too many requests
           then: repeated after the 2s that the service asked for: retry 1 of 5, after a pause of 2s
  try 2    after 2s: ok in 1.5ms (886µs queued)

Flags:
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON
`

func requestsShowCommand() *command {
	return &command{name: "show", usage: requestsShowUsage, setup: func(fs *flag.FlagSet) runFunc {
		admin, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "the ID of a request"); err != nil {
				return err
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			var list []status.Request
			if err := a.list(ctx, http.MethodGet, "/requests/"+url.PathEscape(args[0]), &list); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, list)
			}
			for i := range list {
				if i > 0 {
					_, _ = fmt.Fprintln(std.out) // the error comes again below
				}
				if err := printRequest(std.out, &list[i]); err != nil {
					return err
				}
			}
			return nil
		}
	}}
}

// page writes one fact a line: a label, then its text.
type page struct{ w *tabwriter.Writer }

func newPage(out io.Writer) page { return page{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)} }

// add writes a fact. The error comes again from the writer's Flush.
func (f page) add(label, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	_, _ = fmt.Fprintf(f.w, "%s\t%s\n", label, text)
}

func printRequest(out io.Writer, r *status.Request) error {
	f := newPage(out)
	f.add("request", "%s: %s at endpoint %s (provider %s)%s", r.ID, asked(r), r.Endpoint, r.Provider, whose(r))
	f.add("arrived", "%s", r.At.Local().Format("2006-01-02 15:04:05.000"))
	f.add("took", "%s: %s queued, %s between attempts, %s with the provider", short(r.Duration), short(r.QueueWait), short(r.Backoff), short(r.ProviderTime))
	if r.FirstToken > 0 {
		f.add("", "the first chunk came %s after its attempt began", short(r.FirstToken))
	}
	used := ""
	if r.Usage.Input+r.Usage.Output > 0 {
		used = ", " + tokens(r) + " tokens"
	}
	f.add("result", "%s%s", outcome(string(r.Code), r.Error), used)
	if r.Attempts == 0 && len(r.Tries) == 1 {
		return f.w.Flush() // the refusal is the result
	}
	for i := range r.Tries {
		printTry(f, r.At, &r.Tries[i])
	}
	if told := len(r.Tries); told > 0 && told < r.Attempts {
		f.add("", "%d of %d attempts are told", told, r.Attempts)
	}
	return f.w.Flush()
}

// asked says what the request was for.
func asked(r *status.Request) string {
	text := r.Operation
	if r.Stream {
		text = "streamed " + text
	}
	if r.Model != "" {
		text += " of model " + r.Model
	}
	return text
}

// whose says what the queue ordered the request by.
func whose(r *status.Request) string {
	text := ""
	if r.Tenant != "" {
		text += ", tenant " + r.Tenant
	}
	if r.Priority != "" && r.Priority != "normal" {
		text += ", priority " + r.Priority
	}
	return text
}

func printTry(f page, arrived time.Time, t *status.Try) {
	label := fmt.Sprintf("try %d", t.Number)
	if t.Number == 0 {
		label = "refused"
	}
	text := outcome(string(t.Code), t.Error)
	if t.Number > 0 {
		code, message, _ := strings.Cut(text, ": ")
		text = fmt.Sprintf("after %s: %s in %s", short(max(t.At.Sub(arrived), 0)), code, short(t.Duration))
		if message != "" {
			text += ": " + message
		}
	}
	if t.QueueWait > 0 {
		text += fmt.Sprintf(" (%s queued)", short(t.QueueWait))
	}
	if t.Permit == status.CircuitHalfOpen {
		text += " (a probe of the circuit)"
	}
	if t.Hedge {
		text += " (beside a slow attempt)"
	}
	f.add(label, "%s", text)
	switch {
	case t.Next != "" && t.Delay > 0:
		f.add("", "then: %s, after a pause of %s", t.Next, short(t.Delay))
	case t.Next != "":
		f.add("", "then: %s", t.Next)
	}
}

// outcome is "ok", or a code with what it was about.
func outcome(code, message string) string {
	switch {
	case code == "":
		return "ok"
	case message == "":
		return code
	default:
		return code + ": " + message
	}
}
