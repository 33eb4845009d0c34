package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// requestIDs numbers the requests that the upstream is asked about.
var requestIDs atomic.Int64

// disconnect makes callers leave, half of them before the first chunk and half amid
// a stream with a chunk every 20 ms, and looks at how long the upstream's
// connection lives on. Both ends of that time are on this machine's clock.
func (c benchCase) disconnect(ctx context.Context, w *world, t *target) (figures, error) {
	var next atomic.Int64
	early, mid := make([]time.Duration, c.count), make([]time.Duration, c.count)
	failures := make(chan error, c.connections)
	for range c.connections {
		go func() {
			asking := &http.Client{Transport: &http.Transport{}}
			defer asking.CloseIdleConnections()
			var failure error
			for i := next.Add(1) - 1; i < int64(c.count) && failure == nil; i = next.Add(1) - 1 {
				if i%2 == 0 {
					early[i], failure = c.leave(ctx, t, asking, "mock-mute")
				} else {
					mid[i], failure = c.leave(ctx, t, asking, "mock-drip")
				}
			}
			failures <- failure
		}()
	}
	for range c.connections {
		if err := <-failures; err != nil {
			return nil, err
		}
	}
	before, amid := everySecond(early, 0), everySecond(mid, 1)
	all := append(append([]time.Duration{}, before...), amid...)
	return figures{closedP50: millis(quantile(all, 0.5)), closedP99: millis(quantile(all, 0.99)),
		closedEarly: millis(quantile(before, 0.99)), closedMid: millis(quantile(amid, 0.99))}, nil
}

func everySecond(values []time.Duration, from int) (some []time.Duration) {
	for i := from; i < len(values); i += 2 {
		some = append(some, values[i])
	}
	return some
}

// leave sends a request, leaves when the model's stream has come so far, and
// returns how long it took from then until the upstream saw its client leave.
func (c benchCase) leave(ctx context.Context, t *target, asking *http.Client, model string) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	id := fmt.Sprintf("bench-%d", requestIDs.Add(1))
	client, err := dial(t.addr, 4<<10)
	if err != nil {
		return 0, err
	}
	defer func() { _ = client.conn.Close() }()
	request := requestBytes(t.addr, model, true, c.size, id)
	if model == "mock-mute" {
		_, err = client.conn.Write(request)
	} else {
		err = client.readChunks(request, 2)
	}
	if err != nil {
		return 0, err
	}
	if _, err := happened(asking, t.upstream, arrived, id); err != nil {
		return 0, err
	}
	// At any moment between two chunks, and of whatever else goes in step.
	sleep(ctx, rand.N(pace))
	gone := time.Now()
	_ = client.conn.Close()
	closed, err := happened(asking, t.upstream, left, id)
	return closed.Sub(gone), err
}

// readChunks sends the request and reads so many chunks of its answer.
func (c *client) readChunks(request []byte, count int) error {
	if _, _, err := c.begin(request); err != nil {
		return err
	}
	for range count {
		if _, err := c.takeChunk(func([]byte) {}); err != nil {
			return err
		}
	}
	return nil
}
