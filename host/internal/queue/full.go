package queue

import (
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// The bounds of the wait that a refusal advises.
const (
	minAdvice = time.Second
	maxAdvice = time.Minute
)

// pace measures how fast the queue moves: the mean time between grants while
// requests wait. Without waiting requests it reads no clock.
type pace struct {
	last time.Time     // latest grant with others still waiting
	mean time.Duration // moving average
}

// handover notes that a waiter was served; more tells whether others wait.
func (p *pace) handover(more bool) {
	now := time.Now()
	if !p.last.IsZero() {
		gap := now.Sub(p.last)
		if p.mean == 0 {
			p.mean = gap
		}
		p.mean += (gap - p.mean) / 8
	}
	p.last = now
	if !more {
		p.last = time.Time{}
	}
}

// full is the refusal of a queue without room; how says what there is none of.
// Its advice is the time in which the requests that wait now will have been served.
func (q *Queue) full(how string) error {
	advice := q.pace.mean * time.Duration(q.waiting.len+1)
	if !q.gate.open() {
		advice = max(advice, time.Until(q.gate.until))
	}
	return &provider.Error{
		Code: provider.CodeQueueFull, Source: provider.SourceHost,
		RetryAfter: min(max(advice, minAdvice), maxAdvice),
		Message:    fmt.Sprintf("the endpoint's queue %s, %d of %d are running", how, q.inFlight, q.limits.MaxConcurrent),
	}
}
