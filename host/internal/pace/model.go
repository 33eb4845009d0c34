package pace

import (
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// The meters that are kept. Services announce others, of which a request's use
// is not known beforehand; those are not kept.
const (
	requests = iota
	tokens
	inputTokens
	outputTokens
	meters
)

// names are the meters' names, as in [provider.RateLimit].
var names = [meters]string{"requests", "tokens", "input_tokens", "output_tokens"}

func meterOf(name string) (int, bool) {
	for i, n := range names {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

// amounts are what a request takes of each meter.
type amounts [meters]float64

// set has a bucket for each meter.
type set [meters]bucket

func (s *set) wait(cost *amounts, now time.Time) time.Duration {
	var d time.Duration
	for i := range s {
		d = max(d, s[i].wait(cost[i], now))
	}
	return d
}

func (s *set) take(cost *amounts) {
	for i := range s {
		s[i].take(cost[i])
	}
}

// model is what is known of one model. Services meter each by itself.
type model struct {
	name      string
	asked     time.Time // latest use
	own       set       // by the configuration
	announced set       // by the service
	running   int       // requests that were let go and not settled
	booked    amounts   // by all requests since none was running
	split     split
}

// book takes what a request is let go with.
func (m *model) book(cost *amounts) {
	m.own.take(cost)
	m.announced.take(cost)
	m.running++
	for i := range cost {
		m.booked[i] += cost[i]
	}
}

// split is how a model's tokens divide into those of input and output, as parts
// of the estimate. Unlike their sum, they are estimated by what requests have
// used so far; before anything is known each is taken for the whole.
type split struct {
	input, output float64
	known         bool
}

// cost is what a request takes by its estimate.
func (m *model) cost(estimate int64) amounts {
	n := float64(max(estimate, 0))
	if !m.split.known {
		return amounts{1, n, n, n}
	}
	return amounts{1, n, n * m.split.input, n * m.split.output}
}

// learn takes the actual use of a request into the split.
func (s *split) learn(estimate int64, used *amounts) {
	if estimate <= 0 || used[tokens] <= 0 {
		return
	}
	const most = 10 // of a wild estimate's ratio
	in := min(used[inputTokens]/float64(estimate), most)
	out := min(used[outputTokens]/float64(estimate), most)
	if !s.known {
		*s = split{in, out, true}
		return
	}
	s.input += (in - s.input) / 8
	s.output += (out - s.output) / 8
}

// settle ends a request that was let go: what it took in excess comes back.
func (m *model) settle(booked int64, usage *provider.Usage, now time.Time) amounts {
	m.ended()
	if usage == nil {
		return amounts{}
	}
	used := amounts{
		1,
		float64(max(usage.Total, usage.Input+usage.Output)),
		float64(max(usage.Input-usage.Cached, 0)), // what comes from a cache is free of the input's limit
		float64(usage.Output),
	}
	cost := m.cost(booked)
	m.split.learn(booked, &used)
	for i := range used {
		used[i] -= cost[i]
	}
	m.correct(&used, now)
	return used
}

// unbook ends a request that was let go and not sent, and returns its booking as
// a negative excess.
func (m *model) unbook(estimate int64, now time.Time) amounts {
	back := m.cost(estimate)
	for i := range back {
		m.booked[i] = max(m.booked[i]-back[i], 0)
		back[i] = -back[i]
	}
	m.ended()
	m.correct(&back, now)
	return back
}

// ended counts the end of a request that was let go.
func (m *model) ended() {
	if m.running--; m.running <= 0 {
		m.running, m.booked = 0, amounts{}
	}
}

// correct takes what a request used in excess of its booking.
func (m *model) correct(excess *amounts, now time.Time) {
	for _, s := range []*set{&m.own, &m.announced} {
		s.correct(excess, now)
	}
}

func (s *set) correct(excess *amounts, now time.Time) {
	for i := range s {
		if s[i].rate != 0 {
			s[i].advance(now)
			s[i].take(excess[i])
		}
	}
}

// maxModels bounds the models that are kept: callers can ask for any name. The
// one that was not asked for the longest makes room; after some minutes without
// requests its buckets are full again anyway.
const maxModels = 64

// maxName bounds their names.
const maxName = 256

// model returns the entry of a model, making it if need be. p.mu is held.
func (p *Pacer) model(name string, now time.Time) *model {
	name = name[:min(len(name), maxName)]
	m := p.models[name]
	if m == nil {
		if len(p.models) >= maxModels {
			p.forget()
		}
		m = &model{name: strings.Clone(name)} // not a part of a whole body
		p.models[m.name] = m
		p.limit(m, now)
	}
	m.asked = now
	return m
}

// forget drops the model that was not asked for the longest. p.mu is held.
func (p *Pacer) forget() {
	var oldest *model
	for _, m := range p.models {
		if oldest == nil || m.asked.Before(oldest.asked) {
			oldest = m
		}
	}
	delete(p.models, oldest.name)
}
