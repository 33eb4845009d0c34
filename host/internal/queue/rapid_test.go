package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// step is one thing that happens to the queue. Steps are drawn before the
// bubble begins, since rapid must not fail inside it.
type step struct {
	kind string
	n    int
	t    Ticket
	stay time.Duration // after which the request leaves; 0 if it does not
}

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		kind: rapid.SampledFrom([]string{
			"arrive", "arrive", "arrive", "arrive", "retry", "release", "release", "release", "release", "pass", "cancel", "drop",
			"resize", "set", "hold", "sleep", "sleep", "wake", "pacer", "close",
		}).Draw(t, "kind"),
		n:    rapid.IntRange(0, 9).Draw(t, "n"),
		stay: time.Duration(rapid.SampledFrom([]int{0, 0, 250, 450}).Draw(t, "stay")) * time.Millisecond,
		t: Ticket{
			Priority: rapid.SampledFrom([]caller.Priority{caller.Normal, caller.Normal, caller.High, caller.Low}).Draw(t, "priority"),
			Tenant:   rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "tenant"),
			Model:    rapid.SampledFrom([]string{"", "slow"}).Draw(t, "model"),
			Ungated:  rapid.IntRange(0, 9).Draw(t, "ungated") == 0,
			NoWait:   rapid.IntRange(0, 9).Draw(t, "no wait") == 0,
		},
	}
})

// driver runs a queue and a model side by side.
type driver struct {
	q       *Queue
	m       model
	pacer   pacer
	granted []uint64 // in the order of the grants
	quick   int      // grants without the lock
	slots   map[uint64]*asked
	leave   map[uint64]context.CancelFunc
	want    map[uint64]string // how each request is expected to end that got no slot
	ended   []Ticket          // to retry
	over    bool              // the limit was exceeded at a grant
	closed  bool
}

func newDriver(limit, size int, paced bool) *driver {
	d := &driver{
		q: New(Limits{MaxConcurrent: limit, Size: size}), m: model{limit: limit, size: size, gate: "open", paced: paced},
		slots: map[uint64]*asked{}, leave: map[uint64]context.CancelFunc{}, want: map[uint64]string{},
	}
	if paced {
		d.q.SetPacer(&d.pacer)
	}
	d.q.granted = func(t Ticket, inFlight int) {
		d.granted = append(d.granted, t.Seq)
		d.over = d.over || inFlight > d.m.limit
	}
	d.q.passed = func(t Ticket, inFlight int) { // one at a time, as there is one step at a time
		d.quick++
		d.q.granted(t, inFlight)
	}
	return d
}

// run plays the steps and returns the first difference, "" if there is none.
func (d *driver) run(ctx context.Context, all []step) string {
	for i, s := range all {
		if s.kind == "close" && i < len(all)*3/4 {
			continue // else few would get far
		}
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
		s.t.Seq = d.q.Number()
		if s.stay > 0 {
			s.t.End = time.Now().Add(s.stay)
		}
		d.arrive(ctx, s.t)
	case "retry":
		if len(d.ended) > 0 {
			i := s.n % len(d.ended)
			t := d.ended[i]
			d.ended = slices.Delete(d.ended, i, i+1)
			t.Retry = true
			t.End = time.Time{}
			d.arrive(ctx, t)
		}
	case "release", "drop", "pass":
		if len(d.m.running) > 0 {
			d.end(s.n%len(d.m.running), s.kind)
		}
	case "cancel":
		if waiting := d.m.waiting(); len(waiting) > 0 {
			t := waiting[s.n%len(waiting)]
			d.leave[t.Seq]()
			d.m.classes[classOf(t.Priority)].remove(t)
			d.want[t.Seq] = "left"
		}
	case "hold":
		until := time.Now().Add(time.Duration(s.n+1) * 300 * time.Millisecond)
		d.q.Hold(until, nil)
		if !d.closed {
			d.m.hold(until)
		}
	case "sleep":
		d.m.sleep(time.Duration(s.n) * 100 * time.Millisecond)
		for _, seq := range d.m.left {
			d.want[seq] = "left"
		}
	default:
		d.manage(s)
	}
}

// manage does what the operator does.
func (d *driver) manage(s step) {
	switch s.kind {
	case "resize":
		d.m.limit, d.m.size = 1+s.n%4, s.n
		d.q.Resize(Limits{MaxConcurrent: d.m.limit, Size: d.m.size})
		d.m.serve()
	case "set":
		d.m.limit = 1 + s.n%4
		d.q.SetConcurrency(d.m.limit)
		d.m.serve()
	case "wake":
		d.q.Wake()
	case "pacer":
		d.setPacer(!d.m.paced)
	case "close":
		d.q.Close()
		d.closed = true
		for _, t := range d.m.waiting() {
			d.want[t.Seq] = "closed"
			d.m.classes[classOf(t.Priority)].remove(t)
		}
	}
}

// setPacer gives the queue a pacer or takes it away.
func (d *driver) setPacer(yes bool) {
	d.m.paced = yes
	if yes {
		d.q.SetPacer(&d.pacer)
	} else {
		d.q.SetPacer(nil)
	}
	d.m.serve()
}

func (d *driver) arrive(ctx context.Context, t Ticket) {
	ctx, d.leave[t.Seq] = context.WithCancel(ctx)
	delete(d.want, t.Seq)
	switch {
	case d.closed:
		d.want[t.Seq] = "closed"
	default:
		if end := d.m.arrive(t); end == "busy" || end == "full" {
			d.want[t.Seq] = end
		}
	}
	for _, seq := range d.m.evicted {
		d.want[seq] = "full"
	}
	d.m.evicted = nil
	d.slots[t.Seq] = ask(ctx, d.q, t)
}

func (d *driver) end(i int, how string) {
	t := d.m.running[i]
	slot := d.slots[t.Seq].slot()
	switch how {
	case "pass":
		slot.Passed()
		d.m.pass(t.Seq)
		return
	case "drop":
		slot.CancelAt(&t, time.Now())
	default:
		slot.Release()
	}
	d.m.release(i)
	d.ended = append(d.ended, t)
}

// ending names the answer that a request got.
func ending(err error) string {
	switch {
	case errors.Is(err, ErrLeft):
		return "left"
	case errors.Is(err, ErrBusy):
		return "busy"
	case codeOf(err) == provider.CodeQueueFull:
		return "full"
	case codeOf(err) == provider.CodeShutdown:
		return "closed"
	}
	return fmt.Sprint(err)
}

func (d *driver) differs() string {
	got := d.q.Stats()
	waiting := d.m.waiting()
	d.q.mu.Lock() // guards what the grant hook writes
	defer d.q.mu.Unlock()
	switch {
	case d.over:
		return "the limit was exceeded"
	case got.Waiting != len(waiting) || got.InFlight != len(d.m.running) || d.q.InFlight() != len(d.m.running):
		return fmt.Sprintf("%d wait and %d run, want %d and %d", got.Waiting, got.InFlight, len(waiting), len(d.m.running))
	case !slices.Equal(d.granted, d.m.granted):
		return fmt.Sprintf("grants %v, want %v", d.granted, d.m.granted)
	case !d.closed && got.HeldUntil.IsZero() != (d.m.gate == "open"):
		return fmt.Sprintf("held until %v, want gate %s", got.HeldUntil, d.m.gate)
	}
	for _, t := range d.m.running {
		if a := d.slots[t.Seq]; !a.done() || a.err() != nil {
			return fmt.Sprintf("request %d should run but has %v", t.Seq, a.err())
		}
	}
	for _, t := range waiting {
		if d.slots[t.Seq].done() {
			return fmt.Sprintf("request %d should wait but has %v", t.Seq, d.slots[t.Seq].err())
		}
	}
	for seq, want := range d.want {
		if got := ending(d.slots[seq].err()); got != want {
			return fmt.Sprintf("request %d ended as %q, want %q", seq, got, want)
		}
	}
	return ""
}

// TestTheQueueBehavesLikeItsModel compares every grant, refusal and number
// after every step of random histories.
func TestTheQueueBehavesLikeItsModel(t *testing.T) {
	t.Parallel()
	var all, quick atomic.Int64 // grants
	t.Run("histories", func(t *testing.T) {
		for part := range max(20/slower, 1) { // of a hundred histories, unless rapid is told otherwise
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(rt *rapid.T) {
					d := checkHistory(t, rt)
					all.Add(int64(len(d.granted)))
					quick.Add(int64(d.quick))
				})
			})
		}
	})
	if quick.Load() == 0 || quick.Load() == all.Load() {
		t.Errorf("%d of %d grants took no lock, so that one of the two ways was not tried", quick.Load(), all.Load())
	}
	t.Logf("%d grants, %d without the lock", all.Load(), quick.Load())
}

func checkHistory(t *testing.T, rt *rapid.T) (d *driver) {
	limit, size := rapid.IntRange(1, 4).Draw(rt, "limit"), rapid.IntRange(0, 12).Draw(rt, "size")
	paced := rapid.Bool().Draw(rt, "paced")           // a queue with a pacer always takes the lock
	count := rapid.IntRange(1, 400).Draw(rt, "count") // else most histories are of a few steps
	all := rapid.SliceOfN(steps, count, count).Draw(rt, "steps")
	var diff string
	synctest.Test(t, func(t *testing.T) {
		d = newDriver(limit, size, paced)
		diff = d.run(t.Context(), all)
		d.q.Close()
		for _, leave := range d.leave {
			leave()
		}
	})
	if diff != "" {
		rt.Fatal(diff)
	}
	return d
}
