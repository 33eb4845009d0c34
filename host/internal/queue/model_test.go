package queue

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// step is one thing that happens to the queue. Steps are drawn before the
// bubble begins, since rapid must not fail inside it.
type step struct {
	kind string
	n    int
}

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		kind: rapid.SampledFrom([]string{
			"arrive", "arrive", "arrive", "retry", "release", "release", "pass", "cancel", "resize", "hold", "sleep",
		}).Draw(t, "kind"),
		n: rapid.IntRange(0, 9).Draw(t, "n"),
	}
})

// model is the queue as one would explain it: a sorted list of numbers, the
// numbers that run, and a gate. It knows no locks, timers or goroutines.
type model struct {
	limit, size      int
	waiting, running []uint64
	gate             string // open, shut, ajar, trial
	until            time.Time
	trial            uint64
	granted          []uint64
}

func (m *model) full() bool {
	blocked := len(m.running) >= m.limit || (m.gate != "open" && m.gate != "ajar")
	return blocked && len(m.waiting) >= m.size
}

func (m *model) add(seq uint64) {
	m.waiting = append(m.waiting, seq)
	slices.Sort(m.waiting)
	m.serve()
}

func (m *model) serve() {
	for len(m.waiting) > 0 && len(m.running) < m.limit && (m.gate == "open" || m.gate == "ajar") {
		seq := m.waiting[0]
		m.waiting = m.waiting[1:]
		m.running = append(m.running, seq)
		m.granted = append(m.granted, seq)
		if m.gate == "ajar" {
			m.gate, m.trial, m.until = "trial", seq, time.Now().Add(trialTime)
		}
	}
}

func (m *model) release(i int) {
	if m.gate == "trial" && m.trial == m.running[i] {
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

// sleep goes through the gate's timers that fall into the time.
func (m *model) sleep(d time.Duration) {
	end := time.Now().Add(d)
	for (m.gate == "shut" || m.gate == "trial") && !m.until.After(end) {
		time.Sleep(time.Until(m.until))
		if m.gate == "shut" {
			m.gate = "ajar"
		} else {
			m.gate = "open"
		}
		m.serve()
	}
	time.Sleep(time.Until(end))
}

// driver runs a queue and a model side by side.
type driver struct {
	q       *Queue
	m       model
	granted []uint64 // in the order of the grants, noted under the lock
	slots   map[uint64]*asked
	leave   map[uint64]context.CancelFunc
	ended   []uint64 // numbers to retry
	over    bool     // the limit was exceeded at a grant
}

// run plays the steps and returns the first difference, "" if there is none.
func (d *driver) run(ctx context.Context, all []step) string {
	for i, s := range all {
		d.step(ctx, s)
		synctest.Wait()
		if diff := d.differs(); diff != "" {
			return fmt.Sprintf("step %d %v: %s", i, s, diff)
		}
	}
	return ""
}

func (d *driver) step(ctx context.Context, s step) {
	switch s.kind {
	case "arrive":
		d.arrive(ctx, Ticket{Seq: d.q.Number()})
	case "retry":
		if len(d.ended) > 0 {
			i := s.n % len(d.ended)
			seq := d.ended[i]
			d.ended = slices.Delete(d.ended, i, i+1)
			d.arrive(ctx, Ticket{Seq: seq, Retry: true})
		}
	case "release", "pass":
		if len(d.m.running) > 0 {
			d.end(s.n%len(d.m.running), s.kind == "pass")
		}
	case "cancel":
		if len(d.m.waiting) > 0 {
			i := s.n % len(d.m.waiting)
			d.leave[d.m.waiting[i]]()
			d.m.waiting = slices.Delete(d.m.waiting, i, i+1)
		}
	case "resize":
		d.m.limit, d.m.size = 1+s.n%4, s.n
		d.q.Resize(Limits{MaxConcurrent: d.m.limit, Size: d.m.size})
		d.m.serve()
	case "hold":
		until := time.Now().Add(time.Duration(s.n+1) * 300 * time.Millisecond)
		d.q.Hold(until, nil)
		d.m.hold(until)
	case "sleep":
		d.m.sleep(time.Duration(s.n) * 100 * time.Millisecond)
	}
}

func (d *driver) arrive(ctx context.Context, t Ticket) {
	ctx, d.leave[t.Seq] = context.WithCancel(ctx)
	refused := !t.Retry && d.m.full()
	if !refused {
		d.m.add(t.Seq)
	}
	d.slots[t.Seq] = ask(ctx, d.q, t)
}

func (d *driver) end(i int, passed bool) {
	seq := d.m.running[i]
	slot := d.slots[seq].slot()
	if passed {
		slot.Passed()
		d.m.pass(seq)
		return
	}
	slot.Release()
	d.m.release(i)
	d.ended = append(d.ended, seq)
}

func (d *driver) differs() string {
	got := d.q.Stats()
	d.q.mu.Lock() // guards what the grant hook writes
	defer d.q.mu.Unlock()
	switch {
	case d.over:
		return "the limit was exceeded"
	case got.Waiting != len(d.m.waiting) || got.InFlight != len(d.m.running):
		return fmt.Sprintf("%d wait and %d run, want %d and %d", got.Waiting, got.InFlight, len(d.m.waiting), len(d.m.running))
	case !slices.Equal(d.granted, d.m.granted):
		return fmt.Sprintf("grants %v, want %v", d.granted, d.m.granted)
	case got.HeldUntil.IsZero() != (d.m.gate == "open"):
		return fmt.Sprintf("held until %v, want gate %s", got.HeldUntil, d.m.gate)
	}
	for _, seq := range d.m.running {
		if a := d.slots[seq]; !a.done() || a.err() != nil {
			return fmt.Sprintf("request %d should run but has %v", seq, a.err())
		}
	}
	for _, seq := range d.m.waiting {
		if d.slots[seq].done() {
			return fmt.Sprintf("request %d should wait but has %v", seq, d.slots[seq].err())
		}
	}
	return ""
}

// TestTheQueueBehavesLikeItsModel compares every grant, refusal and number
// after every step of random histories.
func TestTheQueueBehavesLikeItsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit, size := rapid.IntRange(1, 4).Draw(rt, "limit"), rapid.IntRange(0, 6).Draw(rt, "size")
		all := rapid.SliceOfN(steps, 1, 60).Draw(rt, "steps")
		var diff string
		synctest.Test(t, func(t *testing.T) {
			d := &driver{
				q: New(Limits{MaxConcurrent: limit, Size: size}),
				m: model{limit: limit, size: size, gate: "open"}, slots: map[uint64]*asked{}, leave: map[uint64]context.CancelFunc{},
			}
			d.q.granted = func(t Ticket, inFlight int) {
				d.granted = append(d.granted, t.Seq)
				d.over = d.over || inFlight > d.q.limits.MaxConcurrent
			}
			diff = d.run(t.Context(), all)
			d.q.Close()
			for _, leave := range d.leave {
				leave()
			}
		})
		if diff != "" {
			rt.Fatal(diff)
		}
	})
}
