package queue

import (
	"slices"
	"time"
)

// model is the queue as one would explain it: who waits, sorted, whose turn it
// is, who runs, a gate, and a pace for each model. It knows no locks, timers or
// goroutines.
type model struct {
	limit, size int
	classes     [3]modelClass
	running     []Ticket
	gate        string // open, shut, ajar, trial
	until       time.Time
	trial       uint64
	pace        pacer
	paced       bool // there is one
	granted     []uint64
	evicted     []uint64
	left        []uint64 // as their time was over
}

// modelClass is who waits under one priority.
type modelClass struct {
	waiting []Ticket // by number
	turns   []string // tenants that wait, in the order of their turns
	passed  int
}

// pacer lets one request of the model "slow" go in 300 ms, and all others.
type pacer struct{ next time.Time }

const pace300 = 300 * time.Millisecond

// Take is asked by the queue.
func (p *pacer) Take(now time.Time, model string, _ int64) time.Duration {
	if model != "slow" {
		return 0
	}
	if wait := p.next.Sub(now); wait > 0 {
		return wait
	}
	p.next = now.Add(pace300)
	return 0
}

// Ahead is for estimates, which the model's requests have no use for.
func (p *pacer) Ahead(time.Time, string, int64, int) time.Duration { return 0 }

// Return is for slots with which nothing was sent.
func (p *pacer) Return(time.Time, string, int64) {}

func (m *model) waiting() (all []Ticket) {
	for i := range m.classes {
		all = append(all, m.classes[i].waiting...)
	}
	return all
}

// may reports whether t could go now if a slot were free.
func (m *model) may(t Ticket) bool {
	if t.Ungated {
		return true
	}
	return (m.gate == "open" || m.gate == "ajar") && (!m.paced || t.Model != "slow" || !time.Now().Before(m.pace.next))
}

// arrive is what becomes of t: "runs", "waits", "busy" or "full".
func (m *model) arrive(t Ticket) string {
	c := &m.classes[classOf(t.Priority)]
	switch {
	case t.NoWait && m.gate != "open" && !t.Ungated:
		return "busy"
	case len(m.running) < m.limit && m.may(t):
		m.run(t)
		return "runs"
	case t.NoWait:
		return "busy"
	case !t.Retry && len(m.waiting()) >= m.size && !m.evict(t):
		return "full"
	}
	c.waiting = append(c.waiting, t)
	slices.SortFunc(c.waiting, func(a, b Ticket) int { return int(a.Seq) - int(b.Seq) })
	if !slices.Contains(c.turns, t.Tenant) {
		c.turns = append(c.turns, t.Tenant)
	}
	return "waits"
}

// evict makes room for t, if it can.
func (m *model) evict(t Ticket) bool {
	own, lowest := classOf(t.Priority), 2
	for lowest > own && len(m.classes[lowest].waiting) == 0 {
		lowest--
	}
	c := &m.classes[lowest]
	most, victim := 0, ""
	for _, name := range c.turns {
		if n := len(c.of(name)); n > most {
			most, victim = n, name
		}
	}
	if most == 0 || (lowest == own && most-1 < len(c.of(t.Tenant))+1) {
		return false
	}
	for _, w := range slices.Backward(c.of(victim)) {
		if !w.Retry {
			m.evicted = append(m.evicted, w.Seq)
			c.remove(w)
			return true
		}
	}
	return false
}

// of is who waits of a tenant.
func (c *modelClass) of(name string) (all []Ticket) {
	for _, t := range c.waiting {
		if t.Tenant == name {
			all = append(all, t)
		}
	}
	return all
}

func (c *modelClass) remove(t Ticket) {
	c.waiting = slices.DeleteFunc(c.waiting, func(w Ticket) bool { return w.Seq == t.Seq })
	if len(c.of(t.Tenant)) == 0 {
		c.turns = slices.DeleteFunc(c.turns, func(name string) bool { return name == t.Tenant })
	}
	if len(c.waiting) == 0 {
		c.passed = 0
	}
}

func (m *model) serve() {
	for len(m.running) < m.limit {
		i, t, ok := m.next()
		if !ok {
			return
		}
		c := &m.classes[i]
		c.passed = 0
		for j := i + 1; j < 3; j++ {
			if len(m.classes[j].waiting) > 0 {
				m.classes[j].passed++
			}
		}
		c.turns = append(slices.DeleteFunc(c.turns, func(name string) bool { return name == t.Tenant }), t.Tenant)
		c.remove(t)
		m.run(t)
	}
}

// next is whose turn it is of those who may go.
func (m *model) next() (class int, t Ticket, ok bool) {
	var order []int
	for i := range m.classes {
		if m.classes[i].passed >= guard {
			order = append(order, i)
		}
	}
	order = append(order, 0, 1, 2)
	for _, i := range order {
		for _, name := range m.classes[i].turns {
			for _, t := range m.classes[i].of(name) {
				if m.may(t) {
					return i, t, true
				}
			}
		}
	}
	return 0, Ticket{}, false
}

func (m *model) run(t Ticket) {
	m.running = append(m.running, t)
	m.granted = append(m.granted, t.Seq)
	if t.Ungated {
		return
	}
	if m.paced {
		m.pace.Take(time.Now(), t.Model, 0)
	}
	if m.gate == "ajar" {
		m.gate, m.trial, m.until = "trial", t.Seq, time.Now().Add(trialTime)
	}
}

func (m *model) release(i int) {
	if m.gate == "trial" && m.trial == m.running[i].Seq {
		m.gate = "ajar"
	}
	m.running = slices.Delete(m.running, i, i+1)
	m.serve()
}

func (m *model) pass(seq uint64) {
	if m.gate == "trial" && m.trial == seq {
		m.gate = "open"
		m.serve()
	}
}

func (m *model) hold(until time.Time) {
	if m.gate != "shut" || until.After(m.until) {
		m.gate, m.until = "shut", until
	}
}

// sleep goes through the moments of the gate, the pace and the waiters' ends that
// fall into the time.
func (m *model) sleep(d time.Duration) {
	end := time.Now().Add(d)
	m.left = nil
	for {
		at := end
		if (m.gate == "shut" || m.gate == "trial") && m.until.Before(at) {
			at = m.until
		}
		for _, next := range append(m.ends(), m.pace.next) {
			if next.After(time.Now()) && next.Before(at) {
				at = next
			}
		}
		time.Sleep(time.Until(at))
		switch {
		case m.gate == "shut" && !m.until.After(at):
			m.gate = "ajar"
		case m.gate == "trial" && !m.until.After(at):
			m.gate = "open"
		}
		m.expire(at)
		m.serve()
		if !at.Before(end) && !((m.gate == "shut" || m.gate == "trial") && !m.until.After(at)) {
			return
		}
	}
}

// ends are when waiters leave.
func (m *model) ends() (all []time.Time) {
	for _, t := range m.waiting() {
		if !t.End.IsZero() {
			all = append(all, t.End)
		}
	}
	return all
}

// expire lets those leave whose time is over.
func (m *model) expire(now time.Time) {
	for _, t := range m.waiting() {
		if !t.End.IsZero() && !t.End.After(now) {
			m.classes[classOf(t.Priority)].remove(t)
			m.left = append(m.left, t.Seq)
		}
	}
}
