//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

const (
	// warmUp fills pools and caches before anything is counted.
	warmUp = time.Second
	// endLoad is how long the load runs before the host is ended under it.
	endLoad = 2 * time.Second
	// orphanLimit is how long plugins may outlive a host that was killed.
	orphanLimit = 3 * time.Second
)

// run goes through the phases. Its error means that there is no result.
func run(ctx context.Context, o options) (*report, error) {
	r := &report{Seed: o.seed, Broken: make(map[string]int)}
	upstream, err := serveUpstream()
	if err != nil {
		return nil, err
	}
	w, err := newWorld(o.bin, upstream)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "chaos: seed %d, %v, %d requests/s and %d streams; folder %s\n", o.seed, o.duration, o.rate, o.streams, w.dir)
	err = r.phases(ctx, w, o)
	if err != nil || len(r.Violations) > 0 || o.keep {
		fmt.Fprintf(os.Stderr, "chaos: the host's log is %s/host.log\n", w.dir)
		return r, err
	}
	return r, w.remove()
}

func (r *report) phases(ctx context.Context, w *world, o options) error {
	h, err := w.startHost(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = h.cmd.Process.Kill() }() // if it still runs, something went wrong before
	if err := r.mainPhase(ctx, w, h, o); err != nil {
		return err
	}
	if err := r.stopPhase(w, h, o); err != nil {
		return err
	}
	return r.deathPhase(ctx, w, o)
}

// mainPhase is load and faults, with a look at the host before and after.
func (r *report) mainPhase(ctx context.Context, w *world, h *host, o options) (err error) {
	during(ctx, newLoad(h.base, o.rate, 0), warmUp)
	if r.Before, err = w.settled(h); err != nil {
		return err
	}
	l, a := newLoad(h.base, o.rate, o.streams), newAgent(w, h, o)
	loadCtx, stopLoad := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(loadCtx)
	}()
	faultCtx, stopFaults := context.WithTimeout(ctx, o.duration)
	a.run(faultCtx, o.every)
	stopFaults()
	sleep(ctx, warmUp) // what was harmed last is to be seen serving again
	stopLoad()
	<-done
	l.close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	answers := l.all()
	r.count(answers, a.faults)
	r.add("faults", judge(answers, a.faults)...)
	return r.lookAfter(w, h)
}

// lookAfter demands that the host is as it was at the start.
func (r *report) lookAfter(w *world, h *host) error {
	all, err := h.stats()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Circuit.Trips > 0 {
			r.add("breakers", fmt.Sprintf("that of endpoint %s opened %d times: %+v", s.Endpoint, s.Circuit.Trips, s.Circuit.History))
		}
		// The host's own books: all have their end, and nobody left.
		if s.Requests != s.Success+s.Errors || s.Canceled+uint64(s.Queued+s.InFlight) > 0 {
			r.add("books", fmt.Sprintf("endpoint %s counts %d requests, %d successes, %d errors, %d canceled, %d queued and %d in flight",
				s.Endpoint, s.Requests, s.Success, s.Errors, s.Canceled, s.Queued, s.InFlight))
		}
	}
	for _, name := range append([]string{bystander}, victims...) {
		p, err := h.provider(name)
		if err != nil {
			return err
		}
		if p.State != status.ProviderReady || p.InFlight > 0 {
			r.add("providers", fmt.Sprintf("%s is %s with %d calls in flight: %s", name, p.State, p.InFlight, p.Reason))
		}
		if name == bystander && p.Generation != 1 {
			r.add("providers", fmt.Sprintf("%s has had %d processes, though nothing was done to it", name, p.Generation))
		}
	}
	for limit := time.Now().Add(2 * deadline); ; {
		if r.After, err = w.settled(h); err != nil {
			return err
		}
		more := r.After.more(r.Before, len(victims))
		if more == "" {
			return nil
		}
		if time.Now().After(limit) {
			r.add("leaks", more)
			return nil
		}
	}
}

// stopPhase ends the host with SIGTERM under load.
func (r *report) stopPhase(w *world, h *host, o options) error {
	l := newLoad(h.base, o.rate, o.streams)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx)
	}()
	time.Sleep(endLoad)
	asked := time.Now()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		stop()
		<-done
		return fmt.Errorf("the host had ended before: %w", err)
	}
	time.Sleep(endLoad / 4) // some come too late
	stop()
	if err := h.await(); err != nil {
		r.add("stop", fmt.Sprintf("the host ended with %v", err))
	}
	r.Stop.Took = time.Since(asked).Seconds()
	<-done
	l.close()
	answers := l.all()
	for _, a := range answers {
		switch {
		case a.Sent.IsZero() || a.Sent.After(asked):
			if a.How != served {
				r.Stop.Refused++
			}
		case a.End.After(asked):
			r.Stop.InFlight++
			if a.How == served {
				r.Stop.Served++
			}
		}
	}
	r.add("stop", judgeStop(answers, asked)...)
	return r.nothingLeft("stop", w)
}

// nothingLeft demands that a host which has ended left nothing behind.
func (r *report) nothingLeft(phase string, w *world) error {
	pids, err := w.pluginProcesses()
	if err != nil {
		return err
	}
	if folders, sockets := w.folders(), w.sockets(); len(pids)+len(folders)+sockets > 0 {
		r.add(phase, fmt.Sprintf("left behind: processes %v, folders %v, %d sockets", pids, folders, sockets))
	}
	return nil
}

// deathPhase kills a host under load, and starts another.
func (r *report) deathPhase(ctx context.Context, w *world, o options) error {
	h, err := w.startHost(ctx)
	if err != nil {
		return err
	}
	l := newLoad(h.base, o.rate, o.streams)
	loadCtx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(loadCtx)
	}()
	sleep(ctx, endLoad)
	pids, err := w.pluginProcesses()
	if err != nil {
		stop()
		return err
	}
	r.Death.Processes = len(pids)
	_ = h.cmd.Process.Kill() // its end is waited for
	<-h.exited
	err = r.orphans(w, time.Now())
	stop()
	<-done
	l.close()
	if err != nil {
		return err
	}
	r.add("death", judgeDeath(l.all())...)
	folders := w.folders()
	r.Death.Folders = len(folders)
	next, err := w.startHost(ctx)
	if err != nil {
		return err
	}
	if left := w.left(folders); len(left) > 0 {
		r.Death.Left = len(left)
		r.add("death", fmt.Sprintf("after the next start there are still %v", left))
	}
	if err := next.stop(); err != nil {
		r.add("death", fmt.Sprintf("the next host ended with %v", err))
	}
	return r.nothingLeft("death", w)
}

// orphans waits for the end of a dead host's plugins.
func (r *report) orphans(w *world, died time.Time) error {
	for {
		pids, err := w.pluginProcesses()
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			r.Death.Gone = time.Since(died).Seconds()
			return nil
		}
		if time.Since(died) > orphanLimit {
			r.add("death", fmt.Sprintf("%v after the host's end there are processes %v", orphanLimit, pids))
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// during runs a load for a while.
func during(ctx context.Context, l *load, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	l.run(ctx)
	l.close()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
