package stats

import (
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// batchSize is how many requests are copied under the lock at once, so that who
// lists them does not hold up who adds one.
const batchSize = 128

// recent is a ring of the latest requests, in the order in which they ended.
// The ring grows with use up to maxRecent.
type recent struct {
	mu    sync.Mutex
	ring  []entry
	end   uint64 // requests added so far; the latest one is at (end-1) % len(ring)
	n     int    // requests held
	extra int    // sum of what they take beside the ring
}

// entry is a request and what it takes beside the ring.
type entry struct {
	status.Request
	extra int
}

func (r *recent) add(req *status.Request) {
	size := extra(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == len(r.ring) && r.n < maxRecent {
		r.grow()
	}
	expired := req.At.Add(req.Duration - maxAge)
	for r.n > 0 && (r.n == len(r.ring) || r.extra+size > maxExtra || r.ended(expired)) {
		r.drop()
	}
	r.ring[r.end%uint64(len(r.ring))] = entry{*req, size}
	r.end++
	r.n++
	r.extra += size
}

// oldest is the request that goes first. r.mu is held, and there is one.
func (r *recent) oldest() *entry {
	return &r.ring[(r.end-uint64(r.n))%uint64(len(r.ring))]
}

// ended reports whether the oldest request ended before the given time.
func (r *recent) ended(before time.Time) bool {
	req := r.oldest()
	return req.At.Add(req.Duration).Before(before)
}

// drop lets go of the oldest request. r.mu is held, and there is one.
func (r *recent) drop() {
	req := r.oldest()
	r.extra -= req.extra
	*req = entry{}
	r.n--
}

// grow doubles the ring. r.mu is held.
func (r *recent) grow() {
	larger := make([]entry, max(16, 2*len(r.ring)))
	for i := r.end - uint64(r.n); i < r.end; i++ {
		larger[i%uint64(len(larger))] = r.ring[i%uint64(len(r.ring))]
	}
	r.ring = larger
}

// read copies requests, oldest first: the latest batchSize of those numbered
// below before. It returns the number of the first.
func (r *recent) read(into []status.Request, before uint64) (batch []status.Request, first uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before = min(before, r.end)
	first = r.end - uint64(r.n)
	if before > batchSize {
		first = max(first, before-batchSize)
	}
	for i := first; i < before; i++ {
		into = append(into, r.ring[i%uint64(len(r.ring))].Request)
	}
	return into, first
}

func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring, r.n, r.extra = nil, 0, 0
}
