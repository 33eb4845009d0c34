package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// objectSize is that of the objects that pass through host and plugin.
const objectSize = 1 << 30

// objectCost is what moving an object took.
type objectCost struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// Grown is by how much the own memory of host and plugin together grew at most.
	Grown int64 `json:"grown_bytes"`
}

// fakeStore is a fake of an S3 service that counts what it gets and forgets it.
func fakeStore(w http.ResponseWriter, r *http.Request) {
	xml := func(text string) {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, text) // a failure is seen by the reader
	}
	switch q := r.URL.Query(); {
	case r.Method == http.MethodPut:
		_, _ = io.Copy(io.Discard, r.Body) // a part that breaks off is the sender's to notice
		w.Header().Set("ETag", `"t"`)
	case q.Has("uploads"):
		xml("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPost:
		_, _ = io.Copy(io.Discard, r.Body) // as above
		xml("<CompleteMultipartUploadResult><ETag>t</ETag></CompleteMultipartUploadResult>")
	default:
		w.Header().Set("Content-Length", strconv.Itoa(objectSize))
		_, _ = io.Copy(w, io.LimitReader(zeros{}, objectSize)) // as above
	}
}

// zeros is data without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// moveObjects stores and fetches objects through the host.
func moveObjects(ctx context.Context, t *target) ([]objectCost, error) {
	var costs []objectCost
	for _, c := range []struct {
		name, method string
		length       int64
	}{
		{"1 GiB stored, length known", http.MethodPut, objectSize},
		{"1 GiB stored, length unknown", http.MethodPut, -1},
		{"1 GiB fetched", http.MethodGet, 0},
	} {
		progress("%s", c.name)
		stop, err := t.watchMemory("host", "s3-kit")
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		err = t.moveObject(ctx, c.method, c.length)
		took := time.Since(begin)
		grown := stop()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		costs = append(costs, objectCost{c.name, took.Seconds(), grown})
	}
	return costs, nil
}

func (t *target) moveObject(ctx context.Context, method string, length int64) error {
	var body io.Reader = http.NoBody
	if length != 0 {
		body = io.LimitReader(zeros{}, objectSize)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.addr+"/v1/endpoints/the-s3-kit/objects/bucket/key", body)
	if err != nil {
		return err
	}
	req.ContentLength = length
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the host answered %s", resp.Status)
	case method == http.MethodGet && n != objectSize:
		return fmt.Errorf("%d bytes came of %d", n, objectSize)
	default:
		return nil
	}
}

// watchMemory watches processes until stop is called, which says by how much
// their own memory together grew at most.
func (t *target) watchMemory(roles ...string) (stop func() int64, err error) {
	own := func() (sum int64) {
		for _, role := range roles {
			m, readErr := readMemory(t.processes[role])
			if readErr != nil {
				err = readErr
			}
			sum += m.Own
		}
		return sum
	}
	before := own()
	if err != nil {
		return nil, err
	}
	most := before
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			most = max(most, own())
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() int64 {
		close(done)
		wg.Wait()
		return most - before
	}, nil
}
