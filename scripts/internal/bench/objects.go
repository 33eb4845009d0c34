package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The bounds that `bench -objects -check` holds: heap allocations of a unary
// request of 1 KB, 64 at once, in the process named. What is made now is 18 and 20:
// two are room for pools that a collection empties at another moment.
const (
	boundObjectsHost   = 20
	boundObjectsPlugin = 22
)

// objects counts the heap allocations of a fixed number of requests. The runtime
// counts them; nothing is sampled, and no clock has a part in it.
func (c benchCase) objects(ctx context.Context, _ *world, t *target) (figures, error) {
	return c.countMallocs(ctx, t, c.model, c.count)
}

// chunkObjects counts the heap allocations that a chunk makes in streams that have
// 200 of them: what streams of a single chunk make is taken off.
func (c benchCase) chunkObjects(ctx context.Context, _ *world, t *target) (figures, error) {
	long, err := c.countMallocs(ctx, t, "mock", c.count)
	if err != nil {
		return nil, err
	}
	short, err := c.countMallocs(ctx, t, "mock-one", c.count)
	if err != nil {
		return nil, err
	}
	f := figures{}
	for of := range long {
		f[of] = max(0, long[of]-short[of]) / chunksPerStream
	}
	return f, nil
}

// countMallocs counts the heap allocations of a request in host and plugin.
func (c benchCase) countMallocs(ctx context.Context, t *target, model string, count int) (figures, error) {
	l := &load{addr: t.addr, connections: c.connections, request: requestBytes(t.addr, model, c.stream, c.size, "")}
	if err := l.runCount(ctx, 4*c.connections); err != nil { // fills pools and tables
		return nil, err
	}
	f := figures{}
	sockets := map[figure]string{objectsHost: t.admin, objectsPlugin: t.debug}
	for of, socket := range sockets {
		own, err := mallocsOfAsking(socket)
		if err != nil {
			return nil, err
		}
		before, err := mallocs(socket)
		if err != nil {
			return nil, err
		}
		f[of] = -before - own
	}
	if err := l.runCount(ctx, count); err != nil {
		return nil, err
	}
	for of, socket := range sockets {
		after, err := mallocs(socket)
		if err != nil {
			return nil, err
		}
		f[of] = (f[of] + after) / float64(count)
	}
	return f, nil
}

// mallocsOfAsking is how many objects a process makes to say how many it made.
func mallocsOfAsking(socket string) (float64, error) {
	var counts [3]float64 // the first opens the connection
	for i := range counts {
		var err error
		if counts[i], err = mallocs(socket); err != nil {
			return 0, err
		}
	}
	return counts[2] - counts[1], nil
}

// mallocs reads how many heap objects a process ever made, from a page of its
// profiles that begins with the runtime's statistics.
func mallocs(socket string) (float64, error) {
	page, err := get(socket, "/debug/pprof/heap?debug=1")
	if err != nil {
		return 0, err
	}
	_, after, found := bytes.Cut(page, []byte("# Mallocs = "))
	if !found {
		return 0, fmt.Errorf("the profiles at %s do not say how many objects were made", socket)
	}
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return strconv.ParseFloat(string(line), 64)
}

// countObjects counts allocations alone, and holds them against the bounds.
func countObjects(ctx context.Context, o options) error {
	w, err := newWorld(ctx, map[string]string{backplane: o.bin})
	if err != nil {
		return err
	}
	defer w.stop()
	if err := w.startTargets(backplane); err != nil {
		return err
	}
	var found figures
	for _, c := range cases() {
		if c.name == "objects" {
			if found, err = c.objects(ctx, w, w.targets[0]); err != nil {
				return err
			}
		}
	}
	if o.json {
		err = json.NewEncoder(os.Stdout).Encode(found)
	} else {
		_, err = fmt.Printf("heap allocations of a request: host %.1f (bound %d), plugin %.1f (bound %d)\n",
			found[objectsHost], boundObjectsHost, found[objectsPlugin], boundObjectsPlugin)
	}
	if missed := missedObjects(found); o.check && missed != "" {
		return cmp.Or(err, fmt.Errorf("%s; scripts/bench -profile DIR says where they are made", missed))
	}
	return err
}

// missedObjects says which bound is not held; "" is none.
func missedObjects(f figures) string {
	var missed []string
	if f[objectsHost] > boundObjectsHost {
		missed = append(missed, fmt.Sprintf("the host makes %.1f heap objects for a request, more than %d", f[objectsHost], boundObjectsHost))
	}
	if f[objectsPlugin] > boundObjectsPlugin {
		missed = append(missed, fmt.Sprintf("the plugin makes %.1f heap objects for a request, more than %d", f[objectsPlugin], boundObjectsPlugin))
	}
	return strings.Join(missed, ", and ")
}
