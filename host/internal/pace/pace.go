// Package pace spreads requests over time, so that a service need not refuse
// them for their rate.
//
// A [Pacer] keeps two kinds of limits for an endpoint: those of its
// configuration, and those that the service announces with its answers. For
// each model and meter (requests, tokens, tokens of input and of output) there
// is a bucket; a request goes once all of its buckets have what it takes. Limits
// of the configuration allow six seconds' worth at once after a rest, so no
// minute sees more than 1.1 times the figure, and in the long run none more
// than the figure. Announced limits are mirrored: the level follows what the
// service says is left, less a margin of 5 %.
//
// # How to use it
//
// The queue asks [Pacer.Take] for each request that is about to get a slot;
// tickets without a gate are not asked about. For each attempt that was let go,
//
//   - [Pacer.Observe] is told the limits that came with the answer or error, at
//     the earliest moment that they are known,
//   - [Pacer.Refused] is told if the service refused for the rate all the same,
//   - [Pacer.Settle] is told once, at the end, what was used; this can make room
//     for others, so the queue is to be woken.
//
// or only [Pacer.Return], if it was not made after all.
//
// Requests with a key of their own have limits of their own: nothing of them
// is told here.
package pace

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Pacer keeps an endpoint's rates. It is safe for concurrent use.
type Pacer struct {
	active atomic.Bool // there may be something to keep

	mu     sync.Mutex
	cfg    config.Limits
	own    set // of the whole endpoint
	models map[string]*model
}

// New makes a pacer whose buckets are full. It knows nothing of announced limits
// until the first answer.
func New(cfg config.Limits) *Pacer {
	p := &Pacer{models: make(map[string]*model)}
	p.Configure(cfg)
	return p
}

// Configure changes the limits of the configuration. Levels are kept as far as
// the new limits allow; wake the queue afterwards.
func (p *Pacer) Configure(cfg config.Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.cfg = cfg
	p.own[requests].configure(cfg.RequestsPerMinute, now)
	p.own[tokens].configure(cfg.TokensPerMinute, now)
	for _, m := range p.models {
		p.limit(m, now)
		if !cfg.FromHeaders {
			m.announced = set{}
		}
	}
	p.active.Store(cfg.FromHeaders || cfg.RequestsPerMinute > 0 || cfg.TokensPerMinute > 0 || len(cfg.Models) > 0)
}

// limit sets a model's limits of the configuration. p.mu is held.
func (p *Pacer) limit(m *model, now time.Time) {
	var l config.ModelLimits
	for _, l = range p.cfg.Models {
		if route.Match(l.Name, m.name) {
			break
		}
		l = config.ModelLimits{}
	}
	m.own[requests].configure(l.RequestsPerMinute, now)
	m.own[tokens].configure(l.TokensPerMinute, now)
}

// Take lets a request go, and books what it takes, if it returns 0. Else it
// returns the time until the request could go, if no other goes before. The
// estimate is in tokens, of input and output together.
func (p *Pacer) Take(now time.Time, model string, estimate int64) time.Duration {
	if !p.active.Load() {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.model(model, now)
	cost := m.cost(estimate)
	if d := max(p.own.wait(&cost, now), m.own.wait(&cost, now), m.announced.wait(&cost, now)); d > 0 {
		return d
	}
	p.own.take(&cost)
	m.book(&cost)
	return 0
}

// Ahead returns the time until such a request could go if as many like it went
// before.
func (p *Pacer) Ahead(now time.Time, model string, estimate int64, before int) time.Duration {
	if !p.active.Load() {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.model(model, now)
	cost := m.cost(estimate)
	var d time.Duration
	for _, s := range []*set{&p.own, &m.own, &m.announced} {
		for i := range s {
			d = max(d, s[i].waitBehind(float64(before)*cost[i], cost[i], now))
		}
	}
	return d
}

// Return takes back what Take had booked for a request that was not sent after
// all; it is then not settled.
func (p *Pacer) Return(now time.Time, model string, booked int64) {
	if !p.active.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	back := p.model(model, now).unbook(booked, now)
	p.own.correct(&back, now)
}

// Settle says what a request used that Take had let go with the estimate
// booked. nil usage is not known and leaves it at the estimate; an attempt that
// has failed without use has the zero usage, which gives its tokens back.
func (p *Pacer) Settle(now time.Time, model string, booked int64, usage *provider.Usage) {
	if !p.active.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.model(model, now)
	excess := m.settle(booked, usage, now)
	p.own.correct(&excess, now)
}

// Observe takes the limits that the service announced with an answer or error.
// Limits without a size (some gateways send -1) say nothing.
func (p *Pacer) Observe(now time.Time, model string, limits []provider.RateLimit) {
	if len(limits) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cfg.FromHeaders {
		return
	}
	m := p.model(model, now)
	for _, l := range limits {
		if i, ok := meterOf(l.Meter); ok && l.Limit > 0 {
			m.announced[i].mirror(l, p.share(), m.booked[i], now)
		}
	}
}

// share is this host's part of announced limits. p.mu is held.
func (p *Pacer) share() float64 {
	if p.cfg.Share <= 0 || p.cfg.Share > 1 {
		return 1
	}
	return p.cfg.Share
}

// Refused says that the service refused for the rate although its limits
// seemed to allow the request: somebody else has used them up. They are taken
// for empty until the service says otherwise.
func (p *Pacer) Refused(now time.Time, model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.models[model]
	if m == nil {
		return
	}
	for i := range m.announced {
		b := &m.announced[i]
		b.advance(now)
		b.level = min(b.level, 0)
	}
}

// Limiting returns the limit for which such a request would have to wait the
// longest, and how long; 0 if it could go now.
func (p *Pacer) Limiting(now time.Time, model string, estimate int64) (limit string, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.model(model, now)
	cost := m.cost(estimate)
	for _, s := range []struct {
		*set
		whose string
	}{{&p.own, "(limits)"}, {&m.own, "of this model (limits)"}, {&m.announced, "of this model, as the service announced"}} {
		for i := range s.set {
			if d := s.set[i].wait(cost[i], now); d > wait {
				wait = d
				limit = fmt.Sprintf("%.0f %s in %s %s", s.set[i].limit, names[i], schema.FormatDuration(s.set[i].period), s.whose)
			}
		}
	}
	return limit, wait
}

// Explain returns the limits and their levels, those of the configuration
// first; for an announced limit the level is this host's share less the margin.
func (p *Pacer) Explain(now time.Time) []status.LimitNow {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.own.explain(nil, "", sourceConfig, now)
	known := make([]*model, 0, len(p.models))
	for _, m := range p.models {
		known = append(known, m)
	}
	slices.SortFunc(known, func(a, b *model) int { return strings.Compare(a.name, b.name) })
	for _, m := range known {
		all = m.own.explain(all, m.name, sourceConfig, now)
		all = m.announced.explain(all, m.name, sourceHeaders, now)
	}
	return all
}

// The values of [status.LimitNow.Source].
const (
	sourceConfig  = "config"
	sourceHeaders = "headers"
)

func (s *set) explain(all []status.LimitNow, model, source string, now time.Time) []status.LimitNow {
	for i := range s {
		if b := &s[i]; b.rate != 0 {
			b.advance(now)
			all = append(all, status.LimitNow{
				Model: model, Meter: names[i], Source: source, Limit: b.limit, Level: b.level, PerSecond: b.rate,
			})
		}
	}
	return all
}
