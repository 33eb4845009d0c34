package endpoint

import (
	"time"

	"github.com/backplane-dev/backplane/host/internal/stats"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// finish records the end of the request. It is called once: by do if the request
// failed, otherwise by who has the answer. Of the report it sets what nobody else
// reads: at the end of a tail, others may still be looking.
func (r *run) finish(err *provider.Error, usage *provider.Usage, now time.Time) {
	r.report.Total = now.Sub(r.start)
	r.record(err, usage)
}

// reported is the story so far, for the caller.
func (r *run) reported(now time.Time) status.Report {
	report := r.report
	report.Total = now.Sub(r.start)
	return report
}

// record passes the end of the request on to counters, recent list and observer.
func (r *run) record(err *provider.Error, usage *provider.Usage) {
	if r.counters == nil {
		return
	}
	report := &r.report
	result := stats.Result{
		Refused: report.Attempts == 0 && report.QueueWait == 0,
		Latency: report.Total, QueueWait: report.QueueWait, FirstToken: r.firstToken, Usage: usage,
	}
	if err != nil {
		result.Code = err.Code
	}
	r.counters.End(result)
	if r.e.stats.Keeps() {
		r.e.stats.Remember(r.recent(err, usage))
	}
	if r.e.observer == nil {
		return
	}
	o := Outcome{
		Report: *report, Operation: r.req.Operation, Mode: r.mode, Code: result.Code, FirstToken: r.firstToken,
	}
	if usage != nil {
		o.Usage = *usage
	}
	r.e.observer.RequestDone(o)
}

func (r *run) recent(err *provider.Error, usage *provider.Usage) status.Request {
	report := &r.report
	q := status.Request{
		ID: report.RequestID, Endpoint: r.e.id, Provider: r.e.provider, Operation: r.req.Operation, Model: report.Model,
		At: r.start, Duration: report.Total, QueueWait: report.QueueWait, Backoff: report.Backoff,
		ProviderTime: report.ProviderTime, Attempts: report.Attempts,
		Stream: r.mode == provider.ModeStream, Success: err == nil,
		FirstToken: r.firstToken, Tries: report.Tries, Tenant: r.who.Tenant, Priority: r.who.Priority.String(),
	}
	if err != nil {
		q.Code, q.Error = err.Code, err.Message
	}
	if usage != nil {
		q.Usage = *usage
	}
	return q
}
