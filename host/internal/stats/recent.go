package stats

import (
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/backplane-dev/backplane/host/status"
)

// The bounds of the list of recent requests. An endpoint's list takes at most
// 8 MiB: as much again as maxExtra for the requests themselves.
const (
	maxAge        = time.Hour
	maxRecent     = 8192
	maxExtra      = 4 << 20 // bytes of texts and tries
	maxErrorBytes = 512
	maxNameBytes  = 256 // of what the caller chooses: request id, operation, model, tenant
	maxTries      = 16  // a longer story keeps its first and last ones
)

// Remember puts a request on the list of recent ones, unless that is off. The
// list keeps the request's tries, which must not be changed any more.
//
// A request with one attempt and nothing to tell about it, let through by a
// closed circuit, need not have tries: see [Recorder.Recent].
func (r *Recorder) Remember(req status.Request) {
	if r.keep.Load() {
		shorten(&req)
		r.recent.add(&req)
	}
}

// Keeps reports whether the list of recent requests is on.
func (r *Recorder) Keeps() bool { return r.keep.Load() }

// Recent returns the requests of the last hour that the filter chooses, newest
// first. Where a request's only attempt was not told, it is made up from the
// request's figures.
func (r *Recorder) Recent(filter status.RequestFilter) []status.Request {
	oldest := time.Now().Add(-maxAge)
	var chosen []status.Request
	batch := make([]status.Request, 0, batchSize)
	for before := ^uint64(0); ; {
		batch, before = r.recent.read(batch[:0], before)
		if len(batch) == 0 {
			return chosen
		}
		for i := len(batch) - 1; i >= 0; i-- {
			req := &batch[i]
			// Requests are listed by their end; age counts from the end too.
			if !req.At.Add(req.Duration).After(oldest) || !filter.Match(req) {
				continue
			}
			chosen = append(chosen, told(*req))
			if len(chosen) == filter.Limit {
				return chosen
			}
		}
	}
}

// told completes the story of a request whose only attempt was not told.
func told(req status.Request) status.Request {
	if len(req.Tries) > 0 || req.Attempts != 1 {
		return req
	}
	req.Tries = []status.Try{{
		Endpoint: req.Endpoint, Provider: req.Provider, Number: 1, At: req.At.Add(req.QueueWait),
		QueueWait: req.QueueWait, Permit: status.CircuitClosed, Duration: req.ProviderTime,
		Code: req.Code, Error: req.Error,
	}}
	return req
}

// shorten cuts what others can make long.
func shorten(req *status.Request) {
	req.ID, req.Operation = cut(req.ID, maxNameBytes), cut(req.Operation, maxNameBytes)
	req.Model, req.Tenant = cut(req.Model, maxNameBytes), cut(req.Tenant, maxNameBytes)
	req.Error = cut(req.Error, maxErrorBytes)
	long := len(req.Tries) > maxTries
	for i := range req.Tries {
		long = long || len(req.Tries[i].Error) > maxErrorBytes
	}
	if !long {
		return
	}
	tries := req.Tries // the caller's own are not changed
	if n := len(tries); n > maxTries {
		req.Tries = append(append(make([]status.Try, 0, maxTries), tries[:maxTries/2]...), tries[n-maxTries/2:]...)
	} else {
		req.Tries = append(make([]status.Try, 0, n), tries...)
	}
	for i := range req.Tries {
		req.Tries[i].Error = cut(req.Tries[i].Error, maxErrorBytes)
	}
}

// cut shortens a text, and lets go of the memory of the whole.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}

// extra is the memory that a request takes beside itself.
func extra(req *status.Request) int {
	n := len(req.ID) + len(req.Operation) + len(req.Model) + len(req.Tenant) + len(req.Error)
	n += len(req.Tries) * int(unsafe.Sizeof(status.Try{}))
	for i := range req.Tries {
		n += len(req.Tries[i].Error) + len(req.Tries[i].Next)
	}
	return n
}

// batchSize is how many requests are copied under the lock at once, so that who
// lists them does not hold up who adds one.
const batchSize = 128

// recent is a ring of the latest requests, in the order in which they ended.
// The ring grows with use up to maxRecent.
type recent struct {
	mu    sync.Mutex
	ring  []status.Request
	end   uint64 // requests added so far; the latest one is at (end-1) % len(ring)
	n     int    // requests held
	extra int    // sum of what they take beside the ring
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
	r.ring[r.end%uint64(len(r.ring))] = *req
	r.end++
	r.n++
	r.extra += size
}

// oldest is the request that goes first. r.mu is held, and there is one.
func (r *recent) oldest() *status.Request {
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
	r.extra -= extra(req)
	*req = status.Request{}
	r.n--
}

// grow doubles the ring. r.mu is held.
func (r *recent) grow() {
	larger := make([]status.Request, max(16, 2*len(r.ring)))
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
		into = append(into, r.ring[i%uint64(len(r.ring))])
	}
	return into, first
}

func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring, r.n, r.extra = nil, 0, 0
}
