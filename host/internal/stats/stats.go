// Package stats counts what happens on one endpoint.
//
// Counting takes atomic additions and no lock, except for the list of recent
// requests, which has one of its own. Nothing is shared between endpoints. A
// snapshot disturbs nobody: it reads again if a request ended meanwhile.
package stats

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Recorder counts the requests of one endpoint. It is safe for concurrent use.
type Recorder struct {
	created time.Time
	now     atomic.Pointer[Counters]
	recent  recent
	keep    atomic.Bool
}

// New makes a recorder. keepRecent turns the list of recent requests on.
func New(keepRecent bool) *Recorder {
	r := &Recorder{created: time.Now()}
	r.now.Store(new(Counters))
	r.keep.Store(keepRecent)
	return r
}

// KeepRecent turns the list of recent requests on or off; off empties it.
func (r *Recorder) KeepRecent(on bool) {
	if r.keep.Swap(on) && !on {
		r.recent.clear()
	}
}

// Reset starts all counters anew and empties the list of recent requests.
// Requests under way are not counted any more.
func (r *Recorder) Reset() {
	r.now.Store(new(Counters))
	r.recent.clear()
}

// Begin counts an arrival. What happens to the request is counted with the
// Counters that it returns, so that a reset in between does not leave more ends
// than arrivals.
func (r *Recorder) Begin(at time.Time) *Counters {
	c := r.now.Load()
	c.requests.Add(1)
	c.last.Store(at.UnixNano())
	return c
}

// Result is how a request ended.
type Result struct {
	// Code is "" for success.
	Code provider.Code
	// Refused is true if the request was neither sent nor made to wait: its times
	// say nothing and are not counted.
	Refused   bool
	Latency   time.Duration
	QueueWait time.Duration
	// FirstToken is the time to the first chunk; 0 for what is not a stream and
	// for streams without one.
	FirstToken time.Duration
	Usage      *provider.Usage
}

// Counters are the numbers since the last reset.
type Counters struct {
	requests, success, canceled atomic.Uint64
	attempts, retries           atomic.Uint64
	failures                    [maxCodes]atomic.Uint64
	last                        atomic.Int64 // latest arrival, Unix time in ns

	// ending counts the calls of End that have begun; the outcomes are what they
	// count last. See read.
	ending atomic.Uint64

	queueWait, latency, firstToken histogram
	usage                          usage
}

// Attempt counts a call to the plugin.
func (c *Counters) Attempt(number int) {
	c.attempts.Add(1)
	if number > 1 {
		c.retries.Add(1)
	}
}

// End counts the end of a request.
func (c *Counters) End(r Result) {
	c.ending.Add(1)
	if !r.Refused {
		c.latency.add(r.Latency)
		c.queueWait.add(r.QueueWait)
	}
	if r.FirstToken > 0 {
		c.firstToken.add(r.FirstToken)
	}
	if r.Usage != nil {
		c.usage.add(r.Usage)
	}
	switch r.Code {
	case "":
		c.success.Add(1)
	case provider.CodeCanceled:
		c.canceled.Add(1)
	default:
		c.failures[codeIndex(r.Code)].Add(1)
	}
}

// maxReads bounds the tries for a snapshot. A read takes some microseconds, so
// that even at 100 000 requests a second most find a moment without an end.
const maxReads = 20

// Snapshot fills in what the recorder knows, as it was at one moment: each end
// is in all of the figures or in none. Where requests end without a pause, those
// that end meanwhile may be missing in the outcomes and be in other figures;
// still no more have ended than arrived, and errors are the sum of their codes.
func (r *Recorder) Snapshot(s *status.Stats) {
	c := r.now.Load()
	for range maxReads {
		if c.read(s) {
			break
		}
	}
	s.CreatedAt = r.created
	if ns := c.last.Load(); ns != 0 {
		at := time.Unix(0, ns)
		s.LastRequestAt = &at
	}
}

// read copies the counters and reports whether no request ended meanwhile: all
// ends that had begun were over when it began, and none has begun since.
func (c *Counters) read(s *status.Stats) (quiet bool) {
	// What is added first is read last: ends before arrivals, retries before
	// attempts, so that no part exceeds its whole.
	s.Success, s.Canceled, s.Errors, s.ErrorsByCode = c.success.Load(), c.canceled.Load(), 0, nil
	for i, code := range codes {
		if n := c.failures[i].Load(); n > 0 {
			if s.ErrorsByCode == nil {
				s.ErrorsByCode = make(map[provider.Code]uint64)
			}
			s.ErrorsByCode[code] = n
			s.Errors += n
		}
	}
	begun := c.ending.Load()
	s.QueueWait = c.queueWait.quantiles()
	s.Latency = c.latency.quantiles()
	s.TimeToFirstToken = c.firstToken.quantiles()
	s.Tokens = c.usage.load()
	s.Retries = c.retries.Load()
	s.Attempts = c.attempts.Load()
	s.Requests = c.requests.Load()
	return begun == s.Success+s.Canceled+s.Errors && c.ending.Load() == begun
}

// maxCodes is room for all codes.
const maxCodes = 32

// codes are all codes, sorted; a code's place in it is its index in the counters.
var codes = func() []provider.Code {
	all := provider.Codes()
	slices.Sort(all)
	if len(all) > maxCodes {
		panic("stats: raise maxCodes")
	}
	return all
}()

// codeIndex is the index of a code; one out of the set counts as internal.
func codeIndex(c provider.Code) int {
	if i, ok := slices.BinarySearch(codes, c); ok {
		return i
	}
	i, _ := slices.BinarySearch(codes, provider.CodeInternal)
	return i
}

// usage sums tokens.
type usage struct{ input, output, total, cached, cacheWrite, reasoning atomic.Int64 }

func (u *usage) add(v *provider.Usage) {
	add := func(to *atomic.Int64, n int64) {
		if n != 0 {
			to.Add(n)
		}
	}
	add(&u.input, v.Input)
	add(&u.output, v.Output)
	add(&u.total, v.Total)
	add(&u.cached, v.Cached)
	add(&u.cacheWrite, v.CacheWrite)
	add(&u.reasoning, v.Reasoning)
}

func (u *usage) load() provider.Usage {
	return provider.Usage{
		Input: u.input.Load(), Output: u.output.Load(), Total: u.total.Load(),
		Cached: u.cached.Load(), CacheWrite: u.cacheWrite.Load(), Reasoning: u.reasoning.Load(),
	}
}
