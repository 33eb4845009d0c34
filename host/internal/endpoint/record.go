package endpoint

import (
	"time"

	"github.com/backplane-dev/backplane/host/internal/stats"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// finish records the end of the request and returns err. It is called once: by
// do if the request failed, otherwise by who has the answer.
func (r *run) finish(err *provider.Error, usage *provider.Usage) *provider.Error {
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.cancel != nil {
		r.cancel(nil)
	}
	r.record(r.reported(), err, usage)
	return err
}

// reported is the story so far, for the caller.
func (r *run) reported() status.Report {
	report := r.report
	report.Total = time.Since(r.start)
	return report
}

// record passes the end of the request on to counters, recent list and observer.
func (r *run) record(report status.Report, err *provider.Error, usage *provider.Usage) {
	result := stats.Result{
		Latency: report.Total, QueueWait: report.QueueWait, FirstToken: r.firstToken, Usage: usage,
	}
	if err != nil {
		result.Code = err.Code
	}
	r.counters.End(result)
	if r.e.stats.Keeps() {
		r.e.stats.Remember(r.recent(report, err, usage))
	}
	if r.e.observer == nil {
		return
	}
	o := Outcome{
		Report: report, Operation: r.req.Operation, Mode: r.mode, Code: result.Code, FirstToken: r.firstToken,
	}
	if usage != nil {
		o.Usage = *usage
	}
	r.e.observer.RequestDone(o)
}

func (r *run) recent(report status.Report, err *provider.Error, usage *provider.Usage) status.Request {
	q := status.Request{
		ID: report.RequestID, Endpoint: r.e.id, Operation: r.req.Operation, Model: report.Model,
		At: r.start, Duration: report.Total, QueueWait: report.QueueWait, Attempts: report.Attempts,
		Stream: r.mode == provider.ModeStream, Success: err == nil,
	}
	if err != nil {
		q.Code, q.Error = err.Code, err.Message
	}
	if usage != nil {
		q.Usage = *usage
	}
	return q
}
