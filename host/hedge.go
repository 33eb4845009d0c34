package host

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/internal/hedge"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// mayHedge reports whether the request may have a second attempt beside one at
// the leg's endpoint. Transfers never do: they move what is large. Neither do
// operations that must not be done twice.
func (j *journey[T]) mayHedge(l leg) bool {
	if j.mode == provider.ModeTransfer || !l.hedge.Enabled() {
		return false
	}
	op, offered := l.manifest.Operation(j.req.Operation)
	return offered && op.Has(j.mode) && !op.Unsafe
}

// errNotSent is for a second attempt that no endpoint had a slot for.
var errNotSent = errors.New("no endpoint takes a second attempt now")

// race asks the leg's endpoint, and another beside it if that is slow: the first
// of the rest that takes the request at once, else the same one again. An
// endpoint that is throttled or at its limit takes none. Both attempts read the
// same body. It is not copied: who lent it must leave it alone, as after any
// request of which an attempt was cut short.
func (j *journey[T]) race(ctx context.Context, l leg, rest []leg, how endpoint.How) (T, status.Report, error) {
	start := time.Now()
	delay, known := l.hedge.Arm(kindOf(j.mode), start, l.times(j.mode))
	if !known {
		return j.try(l.endpoint, ctx, j.request(l), how)
	}
	var first, second status.Report // each written by its attempt, read when both are over
	race := hedge.Race[T]{
		Delay: delay, Take: l.hedge.Take, Drop: j.drop, Lost: endpoint.ErrOutrun,
		First: func(ctx context.Context, running func(bool)) (answer T, err error) {
			how := how
			how.Running = running
			answer, first, err = j.try(l.endpoint, ctx, j.request(l), how)
			return answer, err
		},
		Second: func(ctx context.Context) (answer T, err error) {
			answer, second, err = j.beside(ctx, l, rest, how.Elapsed+time.Since(start))
			return answer, err
		},
		// What no other endpoint would mend, another attempt would not mend either.
		Final: func(err error) bool { return !mayMoveOn(err, provider.Operation{}, 1, false) },
	}
	result := race.Run(ctx)
	if result.Tried {
		l.count(result.Second, second.Attempts > 0)
	}
	if result.Err != nil {
		result.Release()
	} else {
		result.Answer = j.bind(result.Answer, result.Release)
	}
	if second.Attempts == 0 {
		return result.Answer, first, result.Err
	}
	return result.Answer, together(first, second, result.Second, time.Since(start)), result.Err
}

// beside makes the second attempt.
func (j *journey[T]) beside(ctx context.Context, l leg, rest []leg, elapsed time.Duration) (answer T, r status.Report, err error) {
	err = errNotSent
	for _, other := range append(rest[:len(rest):len(rest)], l) {
		if op, offered := other.manifest.Operation(j.req.Operation); !offered || !op.Has(j.mode) || op.Unsafe || !other.Available() {
			continue
		}
		answer, r, err = j.try(other.endpoint, ctx, other.request(new(provider.Request), j.req), endpoint.How{Hedge: true, Elapsed: elapsed})
		if r.Attempts > 0 {
			return answer, r, err
		}
	}
	return answer, r, err
}

// count notes what became of a second attempt.
func (l leg) count(won, sent bool) {
	if !sent {
		l.hedge.Return()
	}
	if won {
		l.hedge.Won()
	}
}

// kindOf is what a request of the mode waits for.
func kindOf(mode provider.Mode) hedge.Kind {
	if mode == provider.ModeStream {
		return hedge.Chunk
	}
	return hedge.Answer
}

// times returns the quantiles by which an attempt of the mode is slow.
func (l leg) times(mode provider.Mode) func(quantile float64) (time.Duration, bool) {
	if mode == provider.ModeStream {
		return l.endpoint.FirstToken
	}
	return l.endpoint.AnswerTime
}
