// Package adapt finds the number of requests that a service can work on at
// once, from the time that it takes to begin its answers.
//
// A service that is given more than it can do lets requests wait, which shows
// first in the time to the first token; the whole time says little, as it
// depends on the length of the answers. The rule is additive increase and
// multiplicative decrease (Chiu and Jain, 1989), applied once per window:
//
//   - The least median of the windows so far is the base, the time without load.
//   - A window whose median is more than Tolerance times the base takes off the
//     limit what waits inside the service, by Little's law, and a tenth of the
//     rest. So the service has no load for a moment, and the base is measured
//     anew: one that only rose would take a waiting service for an idle one.
//   - A window in which a request was refused or failed takes a tenth off.
//   - Another window adds one, if at least half of the limit was in use: a limit
//     that nobody touches has proved nothing.
package adapt

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/schema"
)

const (
	// A window is judged once it has lasted this long and has this many samples.
	windowTime    = time.Second
	windowSamples = 10
	// maxSamples of a window are kept for its median; with more, the latest ones.
	maxSamples = 512

	// decrease is what a decrease leaves.
	decrease = 0.9
	// drift lets the base rise by this factor per window. A service that has
	// become slower for good would else be held at the lowest limit for ever.
	drift = 1.002
)

// Limit is a limit that follows the service. It is safe for concurrent use.
type Limit struct {
	set func(limit int)

	mu     sync.Mutex
	cfg    config.Adapt
	limit  float64
	base   time.Duration
	median time.Duration // of the latest window
	reason string        // of the latest change
	// settled is since when the limit has been in effect as it is.
	settled time.Time
	window  window
}

// window is what is judged together.
type window struct {
	start   time.Time // of the first sample
	count   int       // samples and drops
	times   []time.Duration
	most    int // slots that were taken at the same time
	dropped int
}

// New makes a limit that begins at start, or at cfg.Max if start is 0, which is
// no limit; never outside the bounds of cfg. It tells set where it begins, and
// then each change of the whole number. set is called under the lock, so that
// the last word is the latest; it must not call the Limit.
func New(cfg config.Adapt, start int, set func(limit int)) *Limit {
	if start <= 0 {
		start = cfg.Max
	}
	l := &Limit{set: set, cfg: cfg, reason: "it begins here"}
	l.limit = l.bounded(float64(start))
	set(int(l.limit))
	return l
}

// Sample notes one attempt: the time to its first token, or to its answer if it
// was no stream, or to its failure; the slots that were taken at the time, its own
// included; and whether the service refused it as too much, or failed. The time
// of such a dropped attempt does not count.
//
// What began before the limit was in effect as it is tells of the one before,
// which has been judged: it is left out.
func (l *Limit) Sample(ttft time.Duration, inFlight int, dropped bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.window
	if inFlight > int(l.limit) {
		l.settle(now)
		return
	}
	if now.Add(-ttft).Before(l.settled) {
		return
	}
	if w.count == 0 {
		w.start = now
	}
	if dropped {
		w.dropped++
	} else {
		w.add(ttft)
	}
	w.count++
	w.most = max(w.most, inFlight)
	if w.count >= windowSamples && now.Sub(w.start) >= windowTime {
		l.judge(now)
		l.settle(now)
	}
}

// settle begins a window of what begins from now on.
func (l *Limit) settle(now time.Time) {
	l.settled = now
	l.window = window{times: l.window.times[:0]}
}

func (w *window) add(ttft time.Duration) {
	if len(w.times) < maxSamples {
		w.times = append(w.times, ttft)
		return
	}
	w.times[w.count%maxSamples] = ttft
}

// judge moves the limit by what the window shows. l.mu is held.
func (l *Limit) judge(now time.Time) {
	w := &l.window
	if n := len(w.times); n > 0 {
		slices.Sort(w.times)
		l.median = w.times[n/2]
		if l.base == 0 {
			l.base = l.median
		}
		l.base = min(l.median, time.Duration(float64(l.base)*drift))
	}
	switch slow := float64(l.median) > l.cfg.Tolerance*float64(l.base); {
	case w.dropped > 0:
		l.move(l.limit*decrease, fmt.Sprintf("%d of %d attempts were refused or failed", w.dropped, w.count))
	case slow:
		// By Little's law so many of those in flight wait inside the service.
		inside := float64(w.count-1) * float64(l.median-l.base) / float64(now.Sub(w.start))
		l.move(max(l.limit-inside, l.limit/4)*decrease, fmt.Sprintf(
			"the time to the first token rose to %s, from %s without load", text(l.median), text(l.base)))
	case float64(w.most)*2 >= l.limit:
		l.move(l.limit+1, fmt.Sprintf(
			"%d slots were in use with a time to the first token of %s, not far from %s without load", w.most, text(l.median), text(l.base)))
	}
}

// move sets the limit. A bound that holds it where it is changes nothing, so the
// reason stays that of the latest change.
func (l *Limit) move(to float64, reason string) {
	before := l.limit
	if l.limit = l.bounded(to); l.limit == before {
		return
	}
	l.reason = reason
	if int(l.limit) != int(before) {
		l.set(int(l.limit))
	}
}

func (l *Limit) bounded(n float64) float64 {
	return max(min(n, float64(l.cfg.Max)), float64(l.cfg.Min), 1)
}

// Tell tells set the limit as it is now, for a place where it was overwritten.
func (l *Limit) Tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(int(l.limit))
}

// Stop ends the limit: attempts that end later move nothing any more.
func (l *Limit) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set = func(int) {}
}

// Limit is the limit as it is now.
func (l *Limit) Limit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.limit)
}

// Explain says what the limit is and why.
func (l *Limit) Explain() *status.AdaptNow {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &status.AdaptNow{Limit: int(l.limit), Base: l.base, Median: l.median, Reason: l.reason}
}

func text(d time.Duration) string { return schema.FormatDuration(d.Round(time.Millisecond)) }
