package main

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// world is what a run measures: the targets, the upstream behind them, and the
// machine that they share.
type world struct {
	*group
	upstream string
	// builds are the folders of built binaries, by the name of their target.
	builds  map[string]string
	targets []*target
	machine *machine
	// rounds and measured time of the run, and whether it is a quick one.
	options options
}

// newWorld starts the upstream.
func newWorld(ctx context.Context, builds map[string]string) (*world, error) {
	g := &group{ctx: ctx}
	upstream, pid, err := g.role("role-upstream")
	if err != nil {
		g.stop()
		return nil, err
	}
	return &world{group: g, upstream: upstream, builds: builds, machine: &machine{known: []int{pid}}}, nil
}

// startTargets starts the targets that are measured in turn.
func (w *world) startTargets(names ...string) error {
	for _, name := range names {
		t, err := w.startTarget(w.group, name)
		if err != nil {
			return err
		}
		w.targets = append(w.targets, t)
		for _, pid := range t.processes {
			w.machine.known = append(w.machine.known, pid)
		}
	}
	return nil
}

// startTarget starts one target, whose processes belong to g.
func (w *world) startTarget(g *group, name string) (*target, error) {
	roles := map[string]string{reverseproxy: "role-reverseproxy", fasthttpName: "role-fasthttp"}
	switch bin, isBuild := w.builds[name]; {
	case isBuild:
		t, err := g.backplane(bin, w.upstream)
		if err != nil {
			return nil, err
		}
		t.name = name
		return t, nil
	case roles[name] != "":
		addr, pid, err := g.role(roles[name], w.upstream)
		return &target{name: name, addr: addr, upstream: w.upstream, processes: map[string]int{"proxy": pid}}, err
	default:
		return &target{name: direct, addr: w.upstream, upstream: w.upstream}, nil
	}
}

// fresh calls f with a target like t, started for it alone.
func (w *world) fresh(t *target, f func(*target) (figures, error)) (figures, error) {
	g := &group{ctx: w.ctx}
	defer g.stop()
	own, err := w.startTarget(g, t.name)
	if err != nil {
		return nil, err
	}
	return f(own)
}

// measureAll measures the chosen cases on all targets, round by round.
func (w *world) measureAll(o options) (*results, error) {
	chosen, err := o.chosenCases()
	if err != nil {
		return nil, err
	}
	w.options = o
	r := newResults(o, chosen, w)
	for round := range o.rounds {
		for _, c := range chosen {
			if c.fresh && round >= freshRounds {
				continue
			}
			// In a fixed order the first would always find the processor colder.
			for _, i := range rand.Perm(len(w.targets)) {
				if err := w.measureOne(r, round, c, w.targets[i]); err != nil {
					return nil, err
				}
			}
		}
	}
	progress("")
	return r, nil
}

func (w *world) measureOne(r *results, round int, c benchCase, t *target) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if c.on != nil && !c.on(t) {
		return nil
	}
	progress("round %d of %d  %s  %s", round+1, w.options.rounds, c.name, t.name)
	measure := c.measure
	if measure == nil {
		measure = func(c benchCase, ctx context.Context, w *world, t *target) (figures, error) {
			return c.closedLoop(ctx, w, t, w.options.duration)
		}
	}
	f, err := measure(c, w.ctx, w, t)
	if err != nil {
		return fmt.Errorf("%s on %s: %w", c.name, t.name, err)
	}
	r.add(c.name, t.name, f)
	return nil
}
