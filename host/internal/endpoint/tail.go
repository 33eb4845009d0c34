package endpoint

import (
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// tail is the part of a stream or transfer after its commit point. It holds the
// attempt's slot and ends exactly once: by the service, by a time limit, by the
// caller's context or by Close, whichever is first.
type tail struct {
	a      *attempt
	shut   func() // closes what the backend returned
	idle   idle
	usage  atomic.Pointer[provider.Usage] // latest report
	unlink func() bool                    // stops watching the context
	ended  atomic.Bool
}

// watch starts what can end the tail from outside: the idle limit and the
// context, which must work even while nobody reads.
func (t *tail) watch() {
	t.idle.init(t.a)
	t.unlink = t.a.scope.AfterFunc(func() {
		t.finally(t.a.r.left(t.a.scope, inAnswer))
	})
}

// end ends the tail with the given error, nil for success. Only the first end
// counts.
func (t *tail) end(err *provider.Error) {
	if t.unlink != nil { // nil if the answer was complete at the commit point
		t.unlink()
	}
	t.finally(err)
}

func (t *tail) finally(err *provider.Error) {
	if t.ended.Swap(true) {
		return
	}
	t.idle.stop()
	// The service is left before the slot is free, so that it never has more
	// to do than the limit allows.
	defer func() {
		now := time.Now()
		usage := t.usage.Load()
		t.a.end(err, usage, now)
		t.a.r.finish(err, usage, now)
	}()
	t.shut()
}

// leave ends the tail for a caller who wants no more.
func (t *tail) leave() {
	if t.ended.Load() {
		return
	}
	t.end(&provider.Error{
		Code: provider.CodeCanceled, Source: provider.SourceCaller,
		Message: "the caller closed the answer before its end",
	})
}

// idle is the limit of the silence within an answer. It runs only while the
// host waits for the plugin, not while the caller is slow.
type idle struct {
	limit *limit
	timer *time.Timer // nil if there is no limit
	left  time.Duration
	since time.Time
}

func (i *idle) init(a *attempt) {
	i.limit = a.r.limits().idle
	if i.limit == nil {
		return
	}
	i.left = i.limit.figure
	i.timer = time.AfterFunc(i.left, func() { a.scope.pass(i.limit) })
	i.timer.Stop()
}

// wait starts the clock.
func (i *idle) wait() {
	if i.timer == nil {
		return
	}
	i.since = time.Now()
	i.timer.Reset(i.left)
}

// done stops the clock. Without progress, as after a heartbeat, it goes on from
// where it is.
func (i *idle) done(progress bool) {
	if i.timer == nil {
		return
	}
	i.timer.Stop()
	if progress {
		i.left = i.limit.figure
		return
	}
	i.left = max(i.left-time.Since(i.since), time.Millisecond)
}

func (i *idle) stop() {
	if i.timer != nil {
		i.timer.Stop()
	}
}
