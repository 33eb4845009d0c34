package endpoint

import (
	"time"

	"github.com/backplane-dev/backplane/host/internal/retry"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxTries bounds the story of one request: its first and last half are kept.
const maxTries = 10

// tell adds to the story.
func (r *run) tell(t status.Try) {
	t.Endpoint, t.Provider, t.Hedge = r.e.id, r.e.provider, r.how.Hedge
	tries := r.report.Tries
	if len(tries) == maxTries {
		copy(tries[maxTries/2:], tries[maxTries/2+1:])
		tries = tries[:maxTries-1]
	}
	r.report.Tries = append(tries, t)
}

// tellRefused tells that no attempt was made.
func (r *run) tellRefused(err *provider.Error) {
	r.tell(status.Try{
		At: time.Now(), QueueWait: r.report.QueueWait - r.waited, Code: err.Code, Error: err.Message,
	})
}

// tellFailure tells of a failed attempt and what was decided.
func (r *run) tellFailure(a *attempt, v retry.Verdict) {
	t := r.tried(a)
	t.Code, t.Error, t.Delay, t.Next = v.Err.Code, v.Err.Message, v.Delay, v.Why
	r.tell(t)
}

// tellSuccess tells of an attempt that succeeded, if there is something to tell:
// the usual story, one attempt through a closed circuit, is in the report itself.
func (r *run) tellSuccess(a *attempt) {
	if len(r.report.Tries) > 0 || r.how.Hedge || a.passed != status.CircuitClosed {
		r.tell(r.tried(a))
	}
}

// tried is what there is to tell of any attempt that was made.
func (r *run) tried(a *attempt) status.Try {
	return status.Try{
		Number: a.req.Attempt, At: a.start, QueueWait: a.waited, Permit: a.passed, Duration: r.lastEnd.Sub(a.start),
	}
}
