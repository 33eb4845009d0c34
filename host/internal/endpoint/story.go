package endpoint

import (
	"time"

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
		At: time.Now(), QueueWait: r.waited(), Code: err.Code, Error: err.Message,
	})
}

// tellFailure tells of a failed attempt. next says what came of it.
func (r *run) tellFailure(a *attempt, err *provider.Error, next string) {
	t := r.tried(a)
	t.Code, t.Error, t.Next = err.Code, err.Message, next
	r.tell(t)
}

// tellSuccess tells of an attempt that succeeded, if there is something to tell:
// the usual story, one attempt through a closed circuit, is that of the report
// itself.
func (r *run) tellSuccess(a *attempt) {
	if len(r.report.Tries) > 0 || r.how.Hedge {
		r.tell(r.tried(a))
	}
}

func (r *run) tried(a *attempt) status.Try {
	return status.Try{
		Number: a.req.Attempt, At: a.start, QueueWait: a.waited, Duration: r.lastEnd.Sub(a.start),
	}
}

// waited is the part of the queue wait that belongs to no attempt in the story.
func (r *run) waited() time.Duration {
	wait := r.report.QueueWait
	for i := range r.report.Tries {
		wait -= r.report.Tries[i].QueueWait
	}
	return max(wait, 0)
}
