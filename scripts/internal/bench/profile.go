package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// profiledFor is how long CPU is sampled, after a warm-up.
	profiledFor = 4 * time.Second
	// allocationSample is the number of bytes of which one allocation is noted. The
	// runtime's default of 512 KB sees few of the small ones.
	allocationSample = 8 << 10
	// profiledRequests is how many requests the allocation profile is of. Streams
	// have a chunk for each of 200 of them.
	profiledRequests = 20000
	profiledStreams  = 500
)

// writeProfiles writes profiles of host and plugin for the chosen cases: for CPU
// under the case's load, and for allocations of a number of requests that is
// fixed, so that they can be divided by it. What of `go tool pprof -top` says is
// written beside them.
func writeProfiles(ctx context.Context, o options) error {
	if o.cases == "" {
		o.cases = "unary-c64,stream-s50"
	}
	chosen, err := o.chosenCases()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.profile, 0o750); err != nil {
		return err
	}
	w, err := newWorld(ctx, map[string]string{backplane: o.bin})
	if err != nil {
		return err
	}
	defer w.stop()
	for _, c := range chosen {
		if c.measure != nil {
			return fmt.Errorf("case %s is no steady load: profiles are of unary, body, first-chunk, stream and paced cases", c.name)
		}
		progress("profiles of %s", c.name)
		if err := c.profile(ctx, w, o.profile); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	progress("")
	return nil
}

// profile writes a case's profiles. Those of allocations are of processes that
// sample finely, which makes them too slow to look at their CPU.
func (c benchCase) profile(ctx context.Context, w *world, dir string) error {
	cpuTarget := &target{name: backplane}
	if _, err := w.fresh(cpuTarget, func(t *target) (figures, error) { return nil, c.profileCPU(ctx, w, t, dir) }); err != nil {
		return err
	}
	g := &group{ctx: ctx, godebug: fmt.Sprintf("memprofilerate=%d", allocationSample)}
	defer g.stop()
	t, err := w.startTarget(g, backplane)
	if err != nil {
		return err
	}
	return c.profileAllocations(ctx, t, dir)
}

func (c benchCase) profileCPU(ctx context.Context, w *world, t *target, dir string) error {
	results := make(chan error, 2)
	loaded := make(chan struct{})
	for process, socket := range t.sockets() {
		go func() {
			<-loaded
			file := filepath.Join(dir, "cpu-"+process+"-"+c.name)
			err := save(socket, fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(profiledFor.Seconds())), file+".pb.gz")
			results <- errors.Join(err, writeTop(ctx, file+".txt", file+".pb.gz"))
		}()
	}
	time.AfterFunc(time.Second, func() { close(loaded) })
	f, err := c.closedLoop(ctx, w, t, profiledFor+2*time.Second)
	err = errors.Join(err, <-results, <-results)
	if err == nil {
		fmt.Printf("%s: %.0f a second while the CPU was sampled; host %.2f us each, plugin %.2f us\n", c.name, f[perSecond], f[cpuHost], f[cpuPlugin])
	}
	return err
}

func (c benchCase) profileAllocations(ctx context.Context, t *target, dir string) error {
	count, each := profiledRequests, 1
	if c.chunks {
		count, each = profiledStreams, chunksPerStream
	}
	count = max(c.connections, count/(1+c.size/(64<<10)))
	l := &load{addr: t.addr, connections: c.connections, request: requestBytes(t.addr, c.model, c.stream, c.size, "")}
	if err := l.runCount(ctx, 4*c.connections); err != nil {
		return err
	}
	name := func(process string) string { return filepath.Join(dir, "allocs-"+process+"-"+c.name) }
	// A collection brings the profile up to date.
	const page = "/debug/pprof/heap?gc=1"
	for process, socket := range t.sockets() {
		if err := save(socket, page, name(process)+".base.pb.gz"); err != nil {
			return err
		}
	}
	if err := l.runCount(ctx, count); err != nil {
		return err
	}
	for process, socket := range t.sockets() {
		file := name(process)
		if err := save(socket, page, file+".pb.gz"); err != nil {
			return err
		}
		per := max(1, count*each/100) // pprof prints whole numbers
		for _, what := range []string{"objects", "space"} {
			if err := writeTop(ctx, file+"-"+what+".txt", "-sample_index=alloc_"+what, fmt.Sprintf("-divide_by=%d", per),
				"-base="+file+".base.pb.gz", file+".pb.gz"); err != nil {
				return err
			}
		}
	}
	return nil
}

// sockets are where a host and its plugin have their profiles.
func (t *target) sockets() map[string]string {
	return map[string]string{"host": t.admin, "plugin": t.debug}
}

func save(socket, page, file string) error {
	data, err := get(socket, page)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// writeTop writes what `go tool pprof -top` says, where there is a Go toolchain.
func writeTop(ctx context.Context, file string, args ...string) error {
	out, err := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-top", "-nodecount=80"}, args...)...).Output()
	if err != nil {
		return fmt.Errorf("go tool pprof: %w", err)
	}
	return os.WriteFile(file, out, 0o600)
}
