package stats

import (
	"strings"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// The bounds of the list of recent requests.
const (
	maxRecent     = 1024
	maxAge        = time.Hour
	maxErrorBytes = 512
	maxNameBytes  = 256 // of what the caller chooses: request id, operation, model
)

// recent holds the latest requests, at most maxRecent and not older than
// maxAge. Its memory grows with use.
type recent struct {
	mu   sync.Mutex
	ring []status.Request
	next int // where the next one goes once the ring is full
}

// Remember puts a request on the list of recent ones, unless that is off.
func (r *Recorder) Remember(req status.Request) {
	if !r.keep.Load() {
		return
	}
	req.ID, req.Operation, req.Model = cut(req.ID, maxNameBytes), cut(req.Operation, maxNameBytes), cut(req.Model, maxNameBytes)
	req.Error = cut(req.Error, maxErrorBytes)
	r.recent.add(req)
}

// cut shortens a text, and lets go of the memory of the whole.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}

// Keeps reports whether the list of recent requests is on.
func (r *Recorder) Keeps() bool { return r.keep.Load() }

// Recent returns up to limit requests of the last hour, newest first; all of
// them if limit is 0 or less.
func (r *Recorder) Recent(limit int) []status.Request { return r.recent.list(limit) }

func (r *recent) add(req status.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < maxRecent {
		r.ring = append(r.ring, req)
		return
	}
	r.ring[r.next] = req
	r.next = (r.next + 1) % maxRecent
}

func (r *recent) list(limit int) []status.Request {
	oldest := time.Now().Add(-maxAge)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.ring)
	if limit <= 0 || limit > n {
		limit = n
	}
	newest := make([]status.Request, 0, limit)
	for i := 1; i <= n && len(newest) < limit; i++ {
		req := r.ring[(r.next-i+n)%n]
		// Requests are listed by their end; age counts from the end too.
		if req.At.Add(req.Duration).After(oldest) {
			newest = append(newest, req)
		}
	}
	return newest
}

func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring, r.next = nil, 0
}
