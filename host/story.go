package host

import (
	"cmp"
	"slices"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxTries bounds the story of one request over all endpoints; its first and last
// half are kept.
const maxTries = 20

// arrive adds the story of the endpoint that has answered.
func (j *journey[T]) arrive(r status.Report) {
	if j.tries == nil { // it was the first one: its story is that of the request
		j.report = r
		return
	}
	j.add(r, nil)
	j.report.Endpoint, j.report.Provider, j.report.Model = r.Endpoint, r.Provider, r.Model
}

// fail adds the story of an endpoint that has failed, and returns the error that
// stands for the request from now on. A refusal does not take the place of the
// failure of an attempt, which says more about what is wrong.
func (j *journey[T]) fail(r status.Report, before, err error) error {
	first, attempts := j.tries == nil, j.report.Attempts
	j.add(r, err)
	if first || r.Attempts > 0 || attempts == 0 {
		j.report.Endpoint, j.report.Provider, j.report.Model = r.Endpoint, r.Provider, r.Model
		return err
	}
	return before
}

// goOn tells the latest try that the request went on to a leg.
func (j *journey[T]) goOn(l leg) {
	if len(j.tries) == 0 {
		return
	}
	last := &j.tries[len(j.tries)-1]
	if last.Next != "" {
		last.Next += "; "
	}
	last.Next += "went on to " + l.config.ID
}

// add joins the story of one endpoint, which ended with err, to that of the
// request.
func (j *journey[T]) add(r status.Report, err error) {
	j.tries = bounded(append(j.tries, told(r, err, time.Now())...))
	all := &j.report
	all.Tries = j.tries
	all.Attempts += r.Attempts
	all.QueueWait += r.QueueWait
	all.Backoff += r.Backoff
	all.ProviderTime += r.ProviderTime
	all.Total += r.Total
	all.Hedged = all.Hedged || r.Hedged
}

// told returns the tries of a report that ended with err. An endpoint that
// answered at its first attempt, or refused before it thought of one, lists none:
// the report is the story. now is when the report was made.
func told(r status.Report, err error, now time.Time) []status.Try {
	if len(r.Tries) > 0 {
		return r.Tries
	}
	t := status.Try{
		Endpoint: r.Endpoint, Provider: r.Provider, Number: r.Attempts, At: now.Add(-r.ProviderTime),
		QueueWait: r.QueueWait, Duration: r.ProviderTime,
	}
	if err != nil {
		failure := provider.AsError(err)
		t.Code, t.Error = failure.Code, failure.Message
	}
	return []status.Try{t}
}

// together is the story of two attempts that ran side by side, in the order in
// which their tries ended. The times are those of the first, which lasted as long
// as both.
func together(first, second status.Report, won bool, total time.Duration) status.Report {
	now := time.Now()
	all := first
	if won {
		all.Endpoint, all.Provider, all.Model = second.Endpoint, second.Provider, second.Model
	}
	all.Attempts += second.Attempts
	all.Total, all.Hedged = total, true
	tries := slices.Concat(told(first, nil, now), told(second, nil, now))
	slices.SortStableFunc(tries, func(a, b status.Try) int {
		return cmp.Compare(a.At.Add(a.Duration).UnixNano(), b.At.Add(b.Duration).UnixNano())
	})
	all.Tries = bounded(tries)
	return all
}

// bounded cuts the middle out of a long story.
func bounded(tries []status.Try) []status.Try {
	if extra := len(tries) - maxTries; extra > 0 {
		return slices.Delete(tries, maxTries/2, maxTries/2+extra)
	}
	return tries
}
