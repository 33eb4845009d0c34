// Package hedge sends a second attempt beside one that is slow, and takes what
// answers first (Dean and Barroso, "The Tail at Scale", 2013).
//
// A [Policy] says when an attempt counts as slow and how often that may be acted
// upon; a [Race] runs the two attempts.
package hedge

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
)

const (
	// burst is the number of second attempts that quiet times can save up: enough
	// for a service that stalls for a moment, too few to double the load of one
	// that has become slow.
	burst = 10
	// reread is how often the delay follows the endpoint's times.
	reread = 3 * time.Second
)

// Kind is what a request waits for. Whole answers take longer than first chunks,
// so each has a delay of its own.
type Kind uint8

// The kinds.
const (
	Chunk  Kind = iota // a stream's first chunk
	Answer             // a whole answer
)

// Policy is the hedging of one endpoint. It is safe for concurrent use.
type Policy struct {
	enabled atomic.Bool

	mu     sync.Mutex
	cfg    config.Hedge
	tokens float64
	delays [2]reading
	sent   uint64
	won    uint64
}

// reading is a delay as it was read last.
type reading struct {
	delay time.Duration // 0 if it is not known
	next  time.Time     // when to read it again
}

// New makes a policy that has seen no request.
func New(cfg config.Hedge) *Policy {
	p := new(Policy)
	p.Configure(cfg)
	return p
}

// Configure changes the rules. What was saved up and counted is kept.
func (p *Policy) Configure(cfg config.Hedge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg, p.delays = cfg, [2]reading{}
	p.enabled.Store(cfg.Enabled)
}

// Enabled reports whether requests may be hedged at all.
func (p *Policy) Enabled() bool { return p.enabled.Load() }

// Arm counts a request that may be hedged, which pays for a share of a second
// attempt, and returns the time after which an attempt of it is slow: the
// quantile of the endpoint's recent times, but not less than the least delay. ok
// is false as long as too little is known of the endpoint; what was known once
// holds on through quiet times.
func (p *Policy) Arm(kind Kind, now time.Time, times func(quantile float64) (time.Duration, bool)) (delay time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens = min(p.tokens+p.cfg.Budget, burst)
	r := &p.delays[kind]
	if !now.Before(r.next) {
		if d, known := times(p.cfg.Quantile); known {
			r.delay, r.next = max(d, p.cfg.MinDelay), now.Add(reread)
		}
	}
	return r.delay, r.delay > 0
}

// Take takes a second attempt from the budget, if one is left. The budget begins
// empty and each request adds Budget to it, so that at any time at most that share
// of all requests has had a second attempt.
func (p *Policy) Take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A request pays 0.05, which no binary fraction is: twenty of them make one.
	if p.tokens < 1-1e-9 {
		return false
	}
	p.tokens = max(p.tokens-1, 0)
	p.sent++
	return true
}

// Return gives back what [Policy.Take] took for an attempt that was not made.
func (p *Policy) Return() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens = min(p.tokens+1, burst)
	p.sent--
}

// Won counts a second attempt that answered first.
func (p *Policy) Won() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.won++
}

// Explain returns the state of the policy, nil if hedging is off. The delay is
// that of streams or, if none is known, that of whole answers; 0 if that is not
// known either.
func (p *Policy) Explain() *status.HedgeNow {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cfg.Enabled {
		return nil
	}
	delay := p.delays[Chunk].delay
	if delay == 0 {
		delay = p.delays[Answer].delay
	}
	return &status.HedgeNow{Delay: delay, Tokens: p.tokens, Sent: p.sent, Won: p.won}
}
