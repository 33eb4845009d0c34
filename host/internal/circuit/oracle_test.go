package circuit

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
)

// attempt is one attempt some time after the one before.
type attempt struct {
	after   time.Duration
	outcome Outcome
}

var attempts = rapid.Custom(func(t *rapid.T) attempt {
	return attempt{
		after:   time.Duration(rapid.IntRange(0, 8000).Draw(t, "after")) * time.Millisecond,
		outcome: rapid.SampledFrom([]Outcome{Success, Success, Failure, Failure, Failure, Ignored}).Draw(t, "outcome"),
	}
})

// oracle is the rule written down without buckets: a list of all outcomes with
// their times.
type oracle struct {
	cfg  config.Breaker
	at   []time.Time
	fail []bool
}

// opens adds an outcome and reports whether the rule opens the circuit for a
// window of the given length.
func (o *oracle) opens(now time.Time, window time.Duration) bool {
	var failures, total int
	for i, at := range o.at {
		if now.Sub(at) < window {
			total++
			if o.fail[i] {
				failures++
			}
		}
	}
	return total >= o.cfg.MinRequests && float64(failures)/float64(total) > o.cfg.ErrorRate
}

// TestTheWindowAgreesWithAnExactList compares the buckets with a list of all
// outcomes. They may differ only where outcomes lie within one bucket of the
// window's edge: then the rule must hold for a window that is one bucket
// shorter or for the full one.
func TestTheWindowAgreesWithAnExactList(t *testing.T) {
	t.Parallel()
	opened, closed := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		cfg := config.DefaultPolicy().Breaker
		cfg.MinRequests = rapid.IntRange(1, 12).Draw(rt, "min")
		cfg.ErrorRate = rapid.SampledFrom([]float64{0.2, 0.5, 0.75}).Draw(rt, "rate")
		all := rapid.SliceOfN(attempts, 1, 80).Draw(rt, "attempts")
		wrong := ""
		synctest.Test(t, func(*testing.T) {
			defer time.Sleep(time.Hour)
			b, o := New(cfg, nil), &oracle{cfg: cfg}
			for _, a := range all {
				time.Sleep(a.after)
				try(b, a.outcome)
				if a.outcome == Ignored {
					continue
				}
				o.at, o.fail = append(o.at, time.Now()), append(o.fail, a.outcome == Failure)
				short, full := o.opens(time.Now(), 59*time.Second), o.opens(time.Now(), 60*time.Second)
				open := b.Status().State == status.CircuitOpen
				if open != short && open != full {
					wrong = "the breaker and the list disagree"
					return
				}
				if open {
					if !b.Status().Since.Equal(time.Now()) {
						wrong = "it opened at another moment than that of the outcome that crossed the rate"
					}
					opened++
					return
				}
			}
			closed++
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
	if opened == 0 || closed == 0 {
		t.Errorf("%d histories opened and %d stayed closed: the test shows nothing", opened, closed)
	}
}

// event is one thing that happens to a breaker with permits outstanding.
type event struct {
	kind    string
	n       int
	outcome Outcome
}

var events = rapid.Custom(func(t *rapid.T) event {
	return event{
		kind:    rapid.SampledFrom([]string{"allow", "allow", "done", "done", "sleep"}).Draw(t, "kind"),
		n:       rapid.IntRange(0, 20).Draw(t, "n"),
		outcome: rapid.SampledFrom([]Outcome{Success, Failure, Failure, Ignored}).Draw(t, "outcome"),
	}
})

// machine is the state machine as one would explain it.
type machine struct {
	state  status.CircuitState
	period int
	row    int
	probes int
	trips  int
}

func (m *machine) to(s status.CircuitState) {
	m.state, m.row, m.probes = s, 0, 0
	m.period++
}

func (m *machine) done(period int, probe bool, o Outcome, limit int) {
	switch {
	case period != m.period:
	case probe && o == Success:
		m.to(status.CircuitClosed)
	case probe && o == Failure:
		m.trips++
		m.to(status.CircuitOpen)
	case probe:
		m.probes--
	case o == Success:
		m.row = 0
	case o == Failure:
		if m.row++; m.row >= limit {
			m.trips++
			m.to(status.CircuitOpen)
		}
	}
}

// TestPermitsAndStatesFollowTheModel plays random histories with many attempts
// under way at once, whose results come in any order and any number of states
// later. It opens by failures in a row, so that the window plays no part.
func TestPermitsAndStatesFollowTheModel(t *testing.T) {
	t.Parallel()
	type permit struct {
		Permit
		period int
		probe  bool
	}
	rapid.Check(t, func(rt *rapid.T) {
		cfg := config.DefaultPolicy().Breaker
		cfg.MinRequests, cfg.ConsecutiveFailures = 1_000_000, rapid.IntRange(1, 3).Draw(rt, "row")
		cfg.Probes = rapid.IntRange(1, 3).Draw(rt, "probes")
		cfg.OpenFor, cfg.MaxOpen = 5*time.Second, time.Hour // a lost probe is another test
		all := rapid.SliceOfN(events, 1, 100).Draw(rt, "events")
		wrong := ""
		synctest.Test(t, func(*testing.T) {
			defer time.Sleep(24 * time.Hour)
			b, m := New(cfg, nil), &machine{state: status.CircuitClosed}
			var out []permit
			for _, e := range all {
				switch e.kind {
				case "allow":
					s := b.Status()
					if m.state == status.CircuitOpen && s.State == status.CircuitHalfOpen {
						m.to(status.CircuitHalfOpen) // by time, which another test checks
					}
					may := m.state == status.CircuitClosed || (m.state == status.CircuitHalfOpen && m.probes < cfg.Probes)
					p, err := b.Allow()
					if (err == nil) != may {
						wrong = "allowed and should not be, or the reverse"
						return
					}
					if err == nil {
						probe := m.state == status.CircuitHalfOpen
						if probe {
							m.probes++
						}
						out = append(out, permit{p, m.period, probe})
					}
				case "done":
					if len(out) == 0 {
						continue
					}
					i := e.n % len(out)
					p := out[i]
					out = append(out[:i], out[i+1:]...)
					b.Done(p.Permit, e.outcome, 0)
					m.done(p.period, p.probe, e.outcome, cfg.ConsecutiveFailures)
				case "sleep":
					time.Sleep(time.Duration(e.n) * time.Second)
				}
				s := b.Status()
				if m.state == status.CircuitOpen && s.State == status.CircuitHalfOpen {
					m.to(status.CircuitHalfOpen)
				}
				if s.State != m.state || int(s.Trips) != m.trips {
					wrong = "state " + string(s.State) + ", want " + string(m.state)
					return
				}
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}
