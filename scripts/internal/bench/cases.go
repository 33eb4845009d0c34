package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// benchCase is one thing to measure.
type benchCase struct {
	name        string
	model       string
	connections int
	stream      bool
	size        int
	hold        bool
}

// cases lists what is measured, in order.
func cases() []benchCase {
	return []benchCase{
		// First, while the processes' memory is that of their start.
		{name: "idle-s1000", model: "mock-hold", connections: 1000, stream: true, size: 1 << 10, hold: true},
		{name: "unary-c1", model: "mock", connections: 1, size: 1 << 10},
		{name: "unary-c64", model: "mock", connections: 64, size: 1 << 10},
		{name: "unary-200k-c64", model: "mock", connections: 64, size: 200 << 10},
		{name: "first-chunk-c1", model: "mock-one", connections: 1, stream: true, size: 1 << 10},
		{name: "stream-s50", model: "mock", connections: 50, stream: true, size: 1 << 10},
		{name: "stream-s500", model: "mock", connections: 500, stream: true, size: 1 << 10},
	}
}

// measurement is the result of one case on one target. Times are microseconds.
type measurement struct {
	rate     float64 // requests, or chunks of a stream, a second
	p50, p99 float64 // whole answer
	first    float64 // first body byte, median
	cpu      map[string]float64
	allocs   map[string]float64
	kbIdle   float64 // memory of an idle stream, all processes
}

func (c benchCase) measure(ctx context.Context, t *target, d time.Duration) (measurement, error) {
	if c.hold {
		return c.measureIdle(ctx, t)
	}
	l := &load{addr: t.addr, connections: c.connections, stream: c.stream,
		request: requestBytes(t.addr, c.model, c.stream, c.size)}
	var before, after map[string]usage
	samples, elapsed, err := l.run(ctx, max(d/3, 200*time.Millisecond), d,
		func() (err error) { before, err = t.usages(); return err },
		func() (err error) { after, err = t.usages(); return err })
	if err != nil {
		return measurement{}, err
	}
	return c.summarise(samples, elapsed, before, after)
}

func (c benchCase) summarise(samples []sample, elapsed time.Duration, before, after map[string]usage) (measurement, error) {
	var latency, first []time.Duration
	var chunks, failed int64
	var failure error
	for _, s := range samples {
		latency = append(latency, s.latency...)
		first = append(first, s.first...)
		chunks += s.chunks
		failed += s.failed
		failure = errors.Join(failure, s.failure)
	}
	if len(latency) == 0 && chunks == 0 {
		return measurement{}, fmt.Errorf("no answer at all: %w", failure)
	}
	if failed > int64(len(latency)/100) {
		return measurement{}, fmt.Errorf("%d of %d requests failed: %w", failed, len(latency), failure)
	}
	events := float64(len(latency))
	if c.stream && c.model == "mock" {
		events = float64(chunks)
	}
	m := measurement{rate: events / elapsed.Seconds(), p50: micros(quantile(latency, 0.5)), p99: micros(quantile(latency, 0.99)),
		first: micros(quantile(first, 0.5)), cpu: map[string]float64{}, allocs: map[string]float64{}}
	for role := range after {
		m.cpu[role] = micros(after[role].cpu-before[role].cpu) / events
		m.allocs[role] = (after[role].allocs - before[role].allocs) / events
	}
	return m, nil
}

// measureIdle opens streams that fall silent and reads what they cost in memory.
func (c benchCase) measureIdle(ctx context.Context, t *target) (measurement, error) {
	before, err := t.usages()
	if err != nil {
		return measurement{}, err
	}
	request := requestBytes(t.addr, c.model, true, c.size)
	for range c.connections {
		cl, err := dial(t.addr, 1<<10)
		if err != nil {
			return measurement{}, err
		}
		defer func() { _ = cl.conn.Close() }()
		if _, _, err := cl.begin(request); err != nil {
			return measurement{}, err
		}
		if ctx.Err() != nil {
			return measurement{}, ctx.Err()
		}
	}
	sleep(ctx, 300*time.Millisecond)
	after, err := t.usages()
	if err != nil {
		return measurement{}, err
	}
	var grown int64
	for role := range after {
		grown += after[role].rss - before[role].rss
	}
	return measurement{kbIdle: float64(grown) / 1024 / float64(c.connections)}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}
