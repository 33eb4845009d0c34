package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	// hugeRoom is how much more memory may be in use while it passes. Plugin,
	// caller and service are in this one process.
	hugeRoom = 100 << 20
)

// hugeSize is the size of what passes. With the race detector it takes twenty
// times as long, and the detector's own memory counts; `scripts/bench -plugins`
// moves the whole gigabyte through host and plugin.
var hugeSize = map[bool]int64{false: 1 << 30, true: 128 << 20}[raced]

// bulk is a fake of a service that counts what is stored and forgets it.
func bulk(stored *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case r.Method == http.MethodPut:
			n, _ := io.Copy(io.Discard, r.Body) // a part that breaks off shows in the count
			stored.Add(n)
			w.Header().Set("ETag", `"t"`)
		case q.Has("uploads"):
			answer(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
		case r.Method == http.MethodPost:
			answer(w, "<CompleteMultipartUploadResult><ETag>t</ETag></CompleteMultipartUploadResult>")
		default:
			w.Header().Set("Content-Length", strconv.FormatInt(hugeSize, 10))
			_, _ = io.Copy(w, io.LimitReader(zeros{}, hugeSize)) // a failure is seen by the reader
		}
	}
}

// zeros is data without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// inUse is the memory that the process has from the system.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// peak watches the memory in use until stop is called, which says by how much it
// grew at most.
func peak() (stop func() uint64) {
	runtime.GC()
	before := inUse()
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			most.Store(max(most.Load(), inUse()))
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-ended
		return most.Load() - min(before, most.Load())
	}
}

func TestAGigabytePassesInBothDirectionsInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("moves much data")
	}
	var stored atomic.Int64
	server := httptest.NewServer(bulk(&stored))
	t.Cleanup(server.Close)
	conn := open(t, server.URL)
	for name, move := range map[string]func() error{
		"an upload of known length": func() error {
			_, err := upload(t, conn, thing, io.LimitReader(zeros{}, hugeSize), hugeSize)
			return err
		},
		"an upload of unknown length": func() error {
			_, err := upload(t, conn, thing, io.LimitReader(zeros{}, hugeSize), -1)
			return err
		},
		"a download": func() error {
			resp, err := conn.Transfer(t.Context(), &provider.TransferRequest{Request: *plugintest.Request(opGet, thing)})
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			n, err := io.Copy(io.Discard, resp.Body)
			stored.Add(n)
			return err
		},
	} {
		stored.Store(0)
		stop := peak()
		err := move()
		grown := stop()
		if n := stored.Load(); err != nil || n != hugeSize || grown > hugeRoom {
			t.Errorf("%s: %v, %d bytes, %d MiB more memory", name, err, n, grown>>20)
		}
		t.Logf("%s: %d MiB more memory", name, grown>>20)
	}
}
