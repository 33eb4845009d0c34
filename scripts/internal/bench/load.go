package main

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop: each of the connections sends a request, reads the
// whole answer, and sends the next. Raw connections, so that the generator costs
// little beside what it measures.
type load struct {
	addr        string
	connections int
	request     []byte
}

// sample is what one connection saw in the measured time.
type sample struct {
	latency []time.Duration // whole answers
	first   []time.Duration // first body bytes
	delays  []time.Duration // of chunks that say when they were written
	chunks  int64
	failed  int64
	failure error
}

const (
	warmingUp = iota
	measuring
	stopping
)

// spread is the time over which the connections begin, so that they do not march
// in step.
const spread = 100 * time.Millisecond

// run drives the load: a warm-up, then the measured time. before and after are
// called at its edges.
func (l *load) run(ctx context.Context, warmUp, measured time.Duration, before, after func() error) ([]sample, time.Duration, error) {
	var phase atomic.Int32
	samples := make([]sample, l.connections)
	var wg sync.WaitGroup
	for i := range samples {
		wg.Go(func() {
			sleep(ctx, spread*time.Duration(i)/time.Duration(l.connections))
			l.connection(ctx, &phase, &samples[i])
		})
	}
	sleep(ctx, warmUp)
	err := before()
	start := time.Now()
	phase.Store(measuring)
	sleep(ctx, measured)
	phase.Store(stopping)
	elapsed := time.Since(start)
	if err == nil {
		err = after()
	}
	wg.Wait()
	return samples, elapsed, err
}

// runCount sends count requests, shared among the connections, and returns when
// all of them are answered.
func (l *load) runCount(ctx context.Context, count int) error {
	var left atomic.Int64
	left.Store(int64(count))
	failures := make(chan error, l.connections)
	for range l.connections {
		go func() { failures <- l.countDown(ctx, &left) }()
	}
	var failure error
	for range l.connections {
		if err := <-failures; err != nil {
			failure = err
		}
	}
	return failure
}

func (l *load) countDown(ctx context.Context, left *atomic.Int64) error {
	c, err := dial(l.addr, 16<<10)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	for left.Add(-1) >= 0 && ctx.Err() == nil {
		if _, err := c.do(l.request, func([]byte) {}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (l *load) connection(ctx context.Context, phase *atomic.Int32, s *sample) {
	var c *client
	for phase.Load() != stopping && ctx.Err() == nil {
		if c == nil {
			var err error
			if c, err = dial(l.addr, 16<<10); err != nil {
				s.failed++
				s.failure = err
				time.Sleep(10 * time.Millisecond)
				continue
			}
		}
		start := time.Now()
		first, err := c.do(l.request, func(part []byte) {
			if phase.Load() == measuring {
				s.see(part)
			}
		})
		if err != nil {
			s.failed++
			s.failure = err
			_ = c.conn.Close()
			c = nil
			continue
		}
		if phase.Load() == measuring {
			s.latency = append(s.latency, time.Since(start))
			s.first = append(s.first, first.Sub(start))
		}
	}
	if c != nil {
		_ = c.conn.Close()
	}
}

// see counts the chunks in a part of a body, and how long those were on the way
// that say when they were written.
func (s *sample) see(part []byte) {
	s.chunks += int64(bytes.Count(part, []byte("data: {")))
	var now int64
	for {
		_, after, found := bytes.Cut(part, []byte(stampBegin))
		if !found || len(after) < stampLength {
			return
		}
		if now == 0 {
			now = time.Now().UnixNano()
		}
		if sent, err := strconv.ParseInt(string(after[:stampLength]), 10, 64); err == nil {
			s.delays = append(s.delays, time.Duration(now-sent))
		}
		part = after[stampLength:]
	}
}
