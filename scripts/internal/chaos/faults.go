//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// kind is a kind of fault, or of change.
type kind string

const (
	kill    kind = "kill"   // SIGKILL
	term    kind = "term"   // SIGTERM
	freeze  kind = "freeze" // SIGSTOP, two to four seconds later SIGCONT
	flood   kind = "flood"  // of log lines
	swap    kind = "swap"   // to a binary that works
	badSwap kind = "bad"    // to one that does not
	restart kind = "restart"
	reload  kind = "reload" // SIGHUP, with another configuration
)

var allKinds = []kind{kill, term, freeze, flood, swap, badSwap, restart, reload}

// spoils reports whether calls in flight may fail. Everything else must go
// unnoticed.
func (k kind) spoils() bool { return k == kill || k == term }

// fault is one that happened.
type fault struct {
	Kind     kind
	Provider string
	Begin    time.Time
	// Done is when it had taken effect: the process was gone, the change answered.
	Done time.Time
	// Took is the time that a change took by its own account.
	Took time.Duration
	// How tells bad binaries apart; Wrong is what should not have come of it.
	How, Wrong string
}

// crashesAllowed is one less than what puts a provider into quarantine, less one
// for a change that fails meanwhile. Then it gets another binary, which begins
// with a clean record.
const crashesAllowed = 3

// maxDraining is how many replaced processes may still finish calls when another
// is replaced: one more would cut the calls of the first, as it should.
const maxDraining = 1

// agent does harm.
type agent struct {
	world *world
	host  *host
	rng   *rand.Rand
	kinds []kind

	mu     sync.Mutex
	busy   map[string]bool // providers, and "files", that something is under way with
	faults []fault
	number int // of binaries and configurations
	doing  sync.WaitGroup
}

func newAgent(w *world, h *host, o options) *agent {
	return &agent{
		world: w, host: h, kinds: o.kinds, busy: make(map[string]bool), number: 1,
		rng: rand.New(rand.NewPCG(o.seed, 0)), //nolint:gosec // to be repeatable is what matters
	}
}

// run does something every so often until ctx ends, and returns when all has had
// its effect.
func (a *agent) run(ctx context.Context, every time.Duration) {
	defer a.doing.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.act()
		}
	}
}

// act draws until something can be done now, and begins it.
func (a *agent) act() {
	for range 50 {
		k, name := a.kinds[a.rng.IntN(len(a.kinds))], victims[a.rng.IntN(len(victims))]
		pause := 2*time.Second + time.Duration(a.rng.Int64N(int64(2*time.Second)))
		p, err := a.host.provider(name)
		if err != nil {
			a.note(fault{Kind: k, Provider: name, Wrong: err.Error()})
			return
		}
		if k.spoils() && p.Crashes >= crashesAllowed {
			k = swap
		}
		if a.begin(k, p, pause) {
			return
		}
	}
}

// claim takes what a fault needs to itself, unless somebody has it.
func (a *agent) claim(what ...string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.ContainsFunc(what, func(w string) bool { return a.busy[w] }) {
		return false
	}
	for _, w := range what {
		a.busy[w] = true
	}
	return true
}

func (a *agent) release(what ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range what {
		delete(a.busy, w)
	}
}

// begin starts a fault if it makes sense now.
func (a *agent) begin(k kind, p status.Provider, pause time.Duration) bool {
	name := p.Name
	var needs []string
	var do func(*fault)
	switch k {
	case kill, term, freeze:
		if p.PID == 0 || p.State != status.ProviderReady {
			return false
		}
		needs = []string{name + " signal"}
		do = func(f *fault) { a.signal(f, p.PID, pause) }
	case flood:
		name, needs, do = echoProvider, []string{"flood"}, a.flood
	case reload:
		if !a.roomToChange() {
			return false
		}
		name, needs, do = echoProvider, []string{"files"}, a.reload
	case swap, badSwap, restart:
		if draining(p) > maxDraining {
			return false
		}
		needs = []string{"files"}
		do = map[kind]func(*fault){swap: a.swap, badSwap: a.badSwap, restart: a.restart}[k]
	}
	if !a.claim(needs...) {
		return false
	}
	f := fault{Kind: k, Provider: name, Begin: time.Now()}
	if k == badSwap {
		f.How = badKinds[a.rng.IntN(len(badKinds))]
	}
	a.doing.Go(func() {
		defer a.release(needs...)
		do(&f)
		if f.Done.IsZero() {
			f.Done = time.Now()
		}
		a.note(f)
	})
	return true
}

// roomToChange reports whether a reload, which finds new binaries as well, may
// replace the process of each victim.
func (a *agent) roomToChange() bool {
	return !slices.ContainsFunc(victims, func(name string) bool {
		p, err := a.host.provider(name)
		return err != nil || draining(p) > maxDraining
	})
}

func (a *agent) note(f fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, f)
}

// next numbers binaries and configurations.
func (a *agent) next() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.number++
	return a.number
}

// draining counts the processes that were replaced and still finish calls.
func draining(p status.Provider) (n int) {
	for _, g := range p.Generations {
		if g.State == status.GenerationDraining {
			n++
		}
	}
	return n
}
