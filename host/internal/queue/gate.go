package queue

import (
	"slices"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// trialTime is how long the first request after a hold keeps the others
// waiting. A service that still refuses does so at once; one that works on the
// request for this long has taken it.
const trialTime = time.Second

// gate keeps requests away from a service that asked for it. It is open, shut
// until a moment, or ajar: then one request, the trial, goes ahead, and its fate
// decides. Its fields are guarded by the queue's lock.
type gate struct {
	phase phase
	hold            // the one that lasts the longest, also once it is over
	holds []hold    // the latest of each code, also those that are over
	due   time.Time // when the timer has something to do
	timer *time.Timer
	trial uint64 // number of the latest trial
}

// hold is a wish that nothing is sent until a moment. Several can be in effect, as
// of a service that refuses for the rate and whose circuit opens as well: the
// longest keeps the gate shut, and the end of that before its time brings back
// the other.
type hold struct {
	until time.Time
	why   *provider.Error
}

// code is that of the error that asks for the hold.
func (h *hold) code() provider.Code {
	if h.why == nil {
		return ""
	}
	return h.why.Code
}

type phase uint8

const (
	phaseOpen  phase = iota
	phaseShut        // until a moment
	phaseAjar        // the next request is the trial
	phaseTrial       // a trial is under way
)

func (g *gate) open() bool { return g.phase == phaseOpen }

// admits reports whether a gated request may pass now.
func (g *gate) admits() bool { return g.phase == phaseOpen || g.phase == phaseAjar }

// beyond reports whether the gate stays shut longer than until the deadline.
func (g *gate) beyond(deadline time.Time) bool {
	return g.phase == phaseShut && !deadline.IsZero() && !g.until.Before(deadline)
}

func (g *gate) stop() {
	if g.timer != nil {
		g.timer.Stop()
	}
}

// limited is the hold for the service's rate, nil if there is none.
func (g *gate) limited() *hold {
	if g.phase != phaseShut {
		return nil
	}
	for i := range g.holds {
		if h := &g.holds[i]; h.why != nil && h.why.IsRateLimit() && time.Until(h.until) > 0 {
			return h
		}
	}
	return nil
}

// add notes a hold, unless there is one for the same reason that lasts as long.
func (g *gate) add(h hold) bool {
	for _, other := range g.holds {
		if other.code() == h.code() && !h.until.After(other.until) {
			return false
		}
	}
	g.drop(h.code())
	g.holds = append(g.holds, h)
	g.choose()
	return true
}

// drop forgets the hold of a code.
func (g *gate) drop(code provider.Code) {
	g.holds = slices.DeleteFunc(g.holds, func(h hold) bool { return h.code() == code })
}

// choose makes the hold that lasts the longest the one in effect. There is one.
func (g *gate) choose() {
	g.hold = slices.MaxFunc(g.holds, func(a, b hold) int { return a.until.Compare(b.until) })
}

// Why a request does not wait for the end of a hold.
const (
	tooLong   = "which is more than this request has"
	elsewhere = "and another endpoint of the route can answer now"
)

// refusal is the error for a request that does not wait for the end of the hold.
// A plugin that is down and an open circuit say so by their own codes.
func (h *hold) refusal(reason string) *provider.Error {
	rest := max(time.Until(h.until), time.Millisecond)
	left := "for another " + text(rest) + ", " + reason
	e := &provider.Error{
		Code: provider.CodeRateLimit, Source: provider.SourceHost, RetryAfter: rest, Message: "the service is left alone " + left,
	}
	if h.why == nil {
		return e
	}
	e.Message += "; it had said: " + h.why.Message
	switch h.why.Code {
	case provider.CodePluginUnavailable:
		e.Code, e.Cause = h.why.Code, h.why
		e.Message = h.why.Message + "; requests wait for the plugin " + left
	case provider.CodeCircuitOpen:
		e.Code, e.Cause = h.why.Code, h.why
		e.Message = "the circuit breaker is open and requests wait for its probe " + left
	}
	return e
}

// Hold shuts the gate until the given moment, or longer if it is shut for
// longer already: see [hold]. Until then no slot is granted; then one request goes ahead,
// and the others follow once it got through ([Slot.Passed]) or was not refused
// for a second. Requests that would be too late by then are refused now, with
// words about why, the error that asks for the hold; so are, if that is a rate
// limit, those whom another endpoint can answer. Slots that are taken, and
// ungated requests, are not affected.
func (q *Queue) Hold(until time.Time, why *provider.Error) {
	q.lock()
	defer q.unlock()
	if q.closed || time.Until(until) <= 0 || !q.gate.add(hold{until, why}) {
		return
	}
	q.gate.phase = phaseShut
	q.setTimer(q.gate.until)
	q.flow.pause()
	limited := q.gate.limited()
	q.waiting.each(func(w *waiter) {
		switch {
		case w.Ungated:
		case q.gate.beyond(w.Deadline):
			q.fail(w, q.gate.refusal(tooLong))
		case w.Elsewhere && limited != nil:
			q.fail(w, limited.refusal(elsewhere))
		}
	})
}

// Unhold ends the hold of the given code before its time, for who knows that the
// reason is gone. The gate opens if there is no other.
func (q *Queue) Unhold(code provider.Code) {
	q.lock()
	defer q.unlock()
	if q.closed || q.gate.open() {
		return
	}
	g := &q.gate
	g.drop(code)
	switch {
	case g.code() != code:
		return // it is shut for another reason
	case g.phase == phaseShut && len(g.holds) > 0:
		if g.choose(); time.Until(g.until) > 0 {
			q.setTimer(g.until)
			return
		}
	}
	g.stop()
	q.open()
}

func (q *Queue) setTimer(due time.Time) {
	q.gate.due = due
	if q.gate.timer == nil {
		q.gate.timer = time.AfterFunc(time.Until(due), q.gateTimer)
		return
	}
	q.gate.timer.Reset(time.Until(due))
}

// gateTimer ends a hold, or a trial that took long enough to count as passed.
func (q *Queue) gateTimer() {
	q.lock()
	defer q.unlock()
	if q.closed || time.Until(q.gate.due) > 0 {
		return // set anew or stopped while this call waited for the lock
	}
	switch q.gate.phase {
	case phaseShut:
		q.gate.phase = phaseAjar
		q.serve(q.now(time.Time{}))
	case phaseTrial:
		q.open()
	}
}

// open opens the gate. The waits of those whom it has kept count from now on.
func (q *Queue) open() {
	now := q.now(time.Time{})
	q.gate.phase, q.resumed = phaseOpen, now
	q.look(now)
	q.flow.pause() // all who were kept went at once, which is not how the queue moves
}

// beginTrial makes the request that is being granted a slot the trial.
func (q *Queue) beginTrial() uint64 {
	q.gate.phase = phaseTrial
	q.gate.trial++
	q.setTimer(time.Now().Add(trialTime))
	return q.gate.trial
}

// passTrial opens the gate, unless the trial is no longer the latest one.
func (q *Queue) passTrial(trial uint64) {
	if q.gate.phase != phaseTrial || q.gate.trial != trial {
		return
	}
	q.gate.stop()
	q.open()
}

// dropTrial lets the next request be the trial if this one ended undecided.
func (q *Queue) dropTrial(trial uint64) {
	if q.gate.phase == phaseTrial && q.gate.trial == trial {
		q.gate.stop()
		q.gate.phase = phaseAjar
	}
}
