package stats

import (
	"strings"
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
