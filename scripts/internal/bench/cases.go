package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// benchCase is one thing to measure.
type benchCase struct {
	name string
	// about is what the case's table is headed by.
	about string
	// request is what is sent, over connections at once.
	model       string
	stream      bool
	size        int
	connections int
	// count is how many requests or disconnects there are, where it is a number
	// that is fixed and not a time.
	count int
	// chunks counts the chunks of streams instead of requests.
	chunks bool
	// paced streams last: they need more time than others.
	paced bool
	// fresh cases want processes of their own, and are measured in the first
	// rounds only, since that takes long.
	fresh bool
	// quick cases are measured with -quick too.
	quick bool
	// on are the targets; nil is all.
	on func(*target) bool
	// measure does it; nil is [benchCase.closedLoop].
	measure func(benchCase, context.Context, *world, *target) (figures, error)
	columns []column
}

// freshRounds is how many rounds measure what needs fresh processes.
const freshRounds = 2

// cases lists what is measured, in order.
func cases() []benchCase {
	kb := 1 << 10
	return []benchCase{
		{name: "idle-s1000", about: "streams that are silent after a chunk: memory, KB each", model: "mock-hold", stream: true, size: kb,
			connections: 1000, fresh: true, quick: true, on: proxies, measure: benchCase.idle, columns: idleColumns},
		{name: "idle-s5000", about: "the same, 5,000 at once", model: "mock-hold", stream: true, size: kb,
			connections: 5000, fresh: true, on: proxies, measure: benchCase.idle, columns: idleColumns},
		{name: "bodies", about: bodiesAbout, fresh: true, on: hosts, measure: benchCase.bodies, columns: bodiesColumns},
		{name: "start-plugins", about: "a host with every plugin, from nothing", fresh: true, quick: true, on: hosts,
			measure: benchCase.start, columns: startColumns},
		{name: "objects", about: "heap allocations of a request", model: "mock", size: kb, connections: 64, count: 6400,
			quick: true, on: hosts, measure: benchCase.objects, columns: objectColumns},
		{name: "objects-chunk", about: "heap allocations of a chunk, 50 streams at once", stream: true, size: kb, connections: 50, count: 1000,
			quick: true, on: hosts, measure: benchCase.chunkObjects, columns: chunkObjectColumns},
		{name: "unary-c1", about: "one request at a time, 1 KB", model: "mock", size: kb, connections: 1, quick: true, columns: unaryColumns},
		{name: "unary-c8", about: "8 requests at once, 1 KB", model: "mock", size: kb, connections: 8, columns: unaryColumns},
		{name: "unary-c64", about: "64 requests at once, 1 KB", model: "mock", size: kb, connections: 64, quick: true, columns: unaryColumns},
		{name: "body-200k", about: "16 requests at once, 200 KB", model: "mock", size: 200 * kb, connections: 16, quick: true, columns: unaryColumns},
		{name: "body-2m", about: "8 requests at once, 2 MB", model: "mock", size: 2 * kb * kb, connections: 8, columns: unaryColumns},
		{name: "body-20m", about: "2 requests at once, 20 MB", model: "mock", size: 20 * kb * kb, connections: 2, columns: unaryColumns},
		{name: "first-chunk-c1", about: "a stream of one chunk, one at a time", model: "mock-one", stream: true, size: kb,
			connections: 1, quick: true, columns: firstColumns},
		{name: "first-chunk-c64", about: "the same, 64 at once", model: "mock-one", stream: true, size: kb, connections: 64, columns: firstColumns},
		{name: "stream-s1", about: "one stream at a time of 200 chunks as fast as they go", model: "mock", stream: true, size: kb,
			connections: 1, chunks: true, columns: streamColumns},
		{name: "stream-s50", about: "the same, 50 at once", model: "mock", stream: true, size: kb,
			connections: 50, chunks: true, quick: true, columns: streamColumns},
		{name: "stream-s500", about: "the same, 500 at once", model: "mock", stream: true, size: kb,
			connections: 500, chunks: true, quick: true, columns: streamColumns},
		{name: "paced-s100", about: "100 streams, a chunk every 20 ms: from the upstream's write to the client's read", model: "mock-paced",
			stream: true, size: kb, connections: 100, chunks: true, paced: true, columns: pacedColumns},
		{name: "disconnect", about: "from the caller's disconnect until the upstream's connection is closed", size: kb, connections: 20,
			count: 1000, quick: true, on: notices, measure: benchCase.disconnect, columns: disconnectColumns},
	}
}

// chosenCases are those that the options ask for.
func (o options) chosenCases() ([]benchCase, error) {
	var chosen []benchCase
	for _, c := range cases() {
		if o.quick {
			c.count /= 4
		}
		if o.cases == "" && (c.quick || !o.quick) || o.cases != "" && matches(o.cases, c.name) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		var names []string
		for _, c := range cases() {
			names = append(names, c.name)
		}
		return nil, fmt.Errorf("flag -cases: %q matches none of %s", o.cases, strings.Join(names, ", "))
	}
	return chosen, nil
}

func matches(patterns, name string) bool {
	for pattern := range strings.SplitSeq(patterns, ",") {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

// proxies are the targets that have processes to look at, hosts those that are
// Backplane, and those that notice see a client leave while the upstream is silent,
// which the bare fasthttp proxy does not.
func proxies(t *target) bool { return len(t.processes) > 0 }
func hosts(t *target) bool   { return t.admin != "" }
func notices(t *target) bool { return t.name != fasthttpName }

// closedLoop keeps the case's connections busy for d and looks at what it cost.
func (c benchCase) closedLoop(ctx context.Context, w *world, t *target, d time.Duration) (figures, error) {
	warmUp := max(d/3, 200*time.Millisecond)
	if c.paced {
		warmUp, d = 600*time.Millisecond, max(d, 2*time.Second)
	}
	l := &load{addr: t.addr, connections: c.connections, request: requestBytes(t.addr, c.model, c.stream, c.size, "")}
	var before, after map[string]usage
	samples, elapsed, err := l.run(ctx, warmUp, d,
		func() (err error) { before, err = t.usages(); w.machine.begin(); return err },
		func() (err error) { after, err = t.usages(); w.machine.end(); return err })
	if err != nil {
		return nil, err
	}
	s, err := join(samples)
	if err != nil {
		return nil, err
	}
	events := float64(len(s.latency))
	if c.chunks {
		events = float64(s.chunks)
	}
	f := figures{perSecond: events / elapsed.Seconds(), p50: micros(quantile(s.latency, 0.5)), p99: micros(quantile(s.latency, 0.99)),
		first: micros(quantile(s.first, 0.5)), delayP50: micros(quantile(s.delays, 0.5)), delayP99: micros(quantile(s.delays, 0.99))}
	for role := range after {
		each := micros(after[role].cpu-before[role].cpu) / events
		f[cpu] += each
		f[figure("cpu_us_"+role)] = each
	}
	return f, nil
}

// join puts the samples of all connections together. More than one request of a
// hundred that fails is an error: what the others took says nothing then.
func join(samples []sample) (sample, error) {
	var all sample
	for _, s := range samples {
		all.latency = append(all.latency, s.latency...)
		all.first = append(all.first, s.first...)
		all.delays = append(all.delays, s.delays...)
		all.chunks += s.chunks
		all.failed += s.failed
		all.failure = errors.Join(all.failure, s.failure)
	}
	switch {
	case len(all.latency) == 0 && all.chunks == 0:
		return all, fmt.Errorf("no answer at all: %w", all.failure)
	case all.failed > int64(len(all.latency)/100):
		return all, fmt.Errorf("%d of %d requests failed: %w", all.failed, len(all.latency)+int(all.failed), all.failure)
	default:
		return all, nil
	}
}
