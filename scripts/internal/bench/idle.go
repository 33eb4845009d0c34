package main

import (
	"context"
	"time"
)

// settleIdle is the time after the last stream until memory is read.
const settleIdle = 500 * time.Millisecond

// idle opens streams that fall silent, and reads by how much the memory of the
// target's processes grew. One stream goes before, so that what is made with the
// first does not count.
func (c benchCase) idle(ctx context.Context, w *world, t *target) (figures, error) {
	return w.fresh(t, func(t *target) (figures, error) {
		request := requestBytes(t.addr, c.model, c.stream, c.size, "")
		closeFirst, err := hold(ctx, t.addr, request, 1)
		defer closeFirst()
		if err != nil {
			return nil, err
		}
		before, err := t.usages()
		if err != nil {
			return nil, err
		}
		closeAll, err := hold(ctx, t.addr, request, c.connections)
		defer closeAll()
		if err != nil {
			return nil, err
		}
		sleep(ctx, settleIdle)
		after, err := t.usages()
		if err != nil {
			return nil, err
		}
		f := figures{}
		for role := range after {
			each := float64(after[role].rss-before[role].rss) / 1024 / float64(c.connections)
			f[kbEach] += each
			f[figure("kb_each_"+role)] = each
		}
		return f, nil
	})
}

// hold opens streams one after the other, reads the first chunk of each, and keeps
// them open until done is called.
func hold(ctx context.Context, addr string, request []byte, count int) (done func(), err error) {
	var open []*client
	done = func() {
		for _, c := range open {
			_ = c.conn.Close()
		}
	}
	for range count {
		c, err := dial(addr, 1<<10)
		if err != nil {
			return done, err
		}
		open = append(open, c)
		if _, _, err := c.begin(request); err != nil {
			return done, err
		}
		if _, err := c.takeChunk(func([]byte) {}); err != nil {
			return done, err
		}
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
	}
	return done, nil
}
