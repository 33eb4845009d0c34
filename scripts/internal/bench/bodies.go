package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// The bodies that are on their way at once: many of the size of a long
// conversation, and a few of the size of images.
const (
	manyBodies    = 1500
	manyBodySize  = 150 << 10
	largeBodies   = 4
	largeBodySize = 20 << 20
)

const bodiesAbout = "1,500 requests of 150 KB and 4 of 20 MB at once, to an upstream that takes 3 s: most memory in MB"

// bodies sends all of them at once to an upstream that takes its time, so that they
// stay on their way together, and reads the most memory that the host and its
// plugin ever had. Every request is answered or refused in so many words: anything
// else is an error.
func (c benchCase) bodies(ctx context.Context, w *world, t *target) (figures, error) {
	return w.fresh(t, func(t *target) (figures, error) {
		var counts struct{ answered, refused atomic.Int64 }
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		failures := make(chan error, manyBodies+largeBodies)
		var wg sync.WaitGroup
		send := func(body []byte) {
			switch status, err := post(ctx, client, t.addr, body); {
			case err != nil:
				failures <- err
			case status == http.StatusOK:
				counts.answered.Add(1)
			case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
				counts.refused.Add(1)
			default:
				failures <- fmt.Errorf("a request was answered with status %d", status)
			}
		}
		large, many := bodyBytes(largeBodySize), bodyBytes(manyBodySize)
		for range largeBodies {
			wg.Go(func() { send(large) })
		}
		for range manyBodies {
			wg.Go(func() { send(many) })
		}
		wg.Wait()
		close(failures)
		if err, failed := <-failures; failed {
			return nil, fmt.Errorf("neither answered nor refused: %w", err)
		}
		f := figures{answered: float64(counts.answered.Load()), refused: float64(counts.refused.Load())}
		for role, pid := range t.processes {
			most, err := statusBytes(pid, "VmHWM")
			if err != nil {
				return nil, err
			}
			f[peak] += float64(most) / (1 << 20)
			f[figure("peak_mb_"+role)] = float64(most) / (1 << 20)
		}
		return f, nil
	})
}

func bodyBytes(size int) []byte {
	_, body, _ := bytes.Cut(requestBytes("", "mock-late", false, size, ""), []byte("\r\n\r\n"))
	return body
}

func post(ctx context.Context, client *http.Client, addr string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
