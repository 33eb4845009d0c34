package endpoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// limit is a time limit of the policy. As the cause of a context's end it says
// that the limit has passed. It is not changed.
type limit struct {
	name    string // as in the configuration
	figure  time.Duration
	without string // what did not come in time
	whole   bool   // it bounds the whole request
}

func (l *limit) Error() string {
	return fmt.Sprintf("%s of %s passed without %s", l.name, schema.FormatDuration(l.figure), l.without)
}

func (l *limit) err() *provider.Error {
	return &provider.Error{Code: provider.CodeTimeout, Source: provider.SourceHost, Message: l.Error()}
}

// timeLimits are the limits of a policy for one mode; nil is none.
type timeLimits struct {
	timeout *limit // of the whole request, of a stream or transfer until it begins to answer
	attempt *limit // the shortest of one attempt
	idle    *limit // of the silence after the answer has begun
}

func newTimeLimits(p *config.Policy, mode provider.Mode) timeLimits {
	named := func(name string, d time.Duration) *limit {
		if d <= 0 {
			return nil
		}
		return &limit{name: name, figure: d, without: awaited(mode)}
	}
	t := timeLimits{
		timeout: named("timeout", p.Timeout), attempt: named("attempt_timeout", p.AttemptTimeout), idle: named("idle_timeout", p.IdleTimeout),
	}
	if t.timeout != nil {
		t.timeout.whole = true
	}
	first := named("first_token_timeout", p.FirstTokenTimeout)
	if mode == provider.ModeStream && first != nil && (t.attempt == nil || first.figure <= t.attempt.figure) {
		t.attempt = first
	}
	return t
}

// awaited is what a request waits for.
func awaited(mode provider.Mode) string {
	switch mode {
	case provider.ModeStream:
		return "a chunk"
	case provider.ModeTransfer:
		return "data"
	default:
		return "an answer"
	}
}

// limits are those of the request's mode.
func (r *run) limits() *timeLimits {
	switch r.mode {
	case provider.ModeStream:
		return &r.set.limits[1]
	case provider.ModeTransfer:
		return &r.set.limits[2]
	default:
		return &r.set.limits[0]
	}
}

// attemptTime is the time that an attempt has, 0 if it is not limited.
func (r *run) attemptTime(now time.Time) time.Duration {
	d := r.set.policy.AttemptTimeout
	if r.deadline.IsZero() {
		return d
	}
	rest := max(r.deadline.Sub(now), time.Millisecond)
	if d <= 0 {
		return rest
	}
	return min(d, rest)
}

// left is the error of a request whose scope has ended; when says what it was
// at, in words.
func (r *run) left(s *scope, when string) *provider.Error {
	l, cause := s.why()
	if l != nil {
		return r.passed(l)
	}
	if errors.Is(cause, ErrOutrun) {
		return errOutrun()
	}
	if errors.Is(r.scope.caller.Err(), context.DeadlineExceeded) {
		return errDeadline(when)
	}
	return &provider.Error{
		Code: provider.CodeCanceled, Source: provider.SourceCaller, Cause: cause,
		Message: "the caller left " + when,
	}
}

// late is the error of a request that got its slot when its time was up.
func (r *run) late() *provider.Error {
	if d, ok := r.scope.caller.Deadline(); ok && d.Equal(r.deadline) {
		return errDeadline(inQueue)
	}
	return r.passed(r.limits().timeout)
}

// passed is the error of a limit that has passed.
func (r *run) passed(l *limit) *provider.Error {
	e := l.err()
	if wait := r.report.QueueWait; wait > 0 {
		e.Message += fmt.Sprintf("; %s of it went by in the queue", schema.FormatDuration(wait.Round(time.Millisecond)))
	}
	return e
}

func errDeadline(when string) *provider.Error {
	return &provider.Error{
		Code: provider.CodeTimeout, Source: provider.SourceHost, Cause: context.DeadlineExceeded,
		Message: "the deadline that the caller had set passed " + when,
	}
}

// What a request was at when its context ended.
const (
	beforeAttempt = "before the attempt was made"
	inQueue       = "while the request waited in the queue"
	inFlight      = "while the provider worked on the request"
	inPause       = "between two attempts"
	inAnswer      = "in the middle of the answer"
)

// interrupted is the error of a request whose pause between attempts was cut
// short.
func (r *run) interrupted() *provider.Error {
	if r.scope.Err() != nil {
		e := r.left(r.scope, inPause)
		e.Cause = errors.Join(e.Cause, r.last)
		return e
	}
	return errClosing(r.last)
}

// sleepUntil waits for the given moment, unless the request or the endpoint
// ends first.
func (r *run) sleepUntil(at time.Time) *provider.Error {
	d := time.Until(at)
	if at.IsZero() || d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.scope.Done():
	case <-r.e.closing.Done():
	}
	return r.interrupted()
}

// pauseContext is the context of the retrier's sleeps. It ends with the scope of
// the attempt that is to come, and also when the endpoint closes.
type pauseContext struct {
	context.Context // the caller's
	r               *run
	undo            func()
}

// Done makes the channel for one sleep; over takes it back.
func (p *pauseContext) Done() <-chan struct{} {
	ctx, cancel := context.WithCancel(p.r.scope)
	stop := context.AfterFunc(p.r.e.closing, cancel)
	p.undo = func() { stop(); cancel() }
	return ctx.Done()
}

// Err implements [context.Context].
func (p *pauseContext) Err() error {
	if err := p.r.scope.Err(); err != nil {
		return err
	}
	return p.r.e.closing.Err()
}

func (p *pauseContext) over() {
	if p.undo != nil {
		p.undo()
		p.undo = nil
	}
}
