package endpoint

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// world is an endpoint, its callers and its service, and what must hold whatever
// they do. It is the model: it knows nothing of queues, permits and retries, only
// what a request can expect.
type world struct {
	e   *Endpoint
	rnd *rand.Rand // guarded by mu

	mu      sync.Mutex
	all     []*asked
	mood    string // of the service
	limit   int    // of calls at once, as configured
	allowed int    // of calls at once, now: a smaller limit cuts none short
	running int
	most    int
	retries int
	ends    map[provider.Code]uint64 // answers by code
	seen    map[string]bool          // what has happened: a reason for each kind of answer
	fault   string                   // the first thing that must not be
	wg      sync.WaitGroup
}

// asked is one request, as its caller and the service see it.
type asked struct {
	id       int
	calls    int
	running  int
	good     bool // the service has done what was asked
	left     atomic.Bool
	answers  int
	outcomes int
}

func (w *world) wrong(format string, args ...any) {
	if w.fault == "" {
		w.fault = fmt.Sprintf(format, args...)
	}
}

func (w *world) dice(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

func (w *world) some(most time.Duration) time.Duration {
	return time.Duration(w.dice(int(most/time.Millisecond))) * time.Millisecond
}

// enter is the beginning of a call to the service; leave is its end.
func (w *world) enter(req *provider.Request) *asked {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, _ := strconv.Atoi(req.RequestID)
	a := w.all[id]
	a.calls++
	a.running++
	w.running++
	w.most = max(w.most, w.running)
	switch {
	case a.running > 1:
		w.wrong("request %d is under way twice at once", a.id)
	case a.answers > 0:
		w.wrong("request %d was sent after its answer", a.id)
	case a.good:
		w.wrong("request %d was sent again after its success", a.id)
	case a.calls > 1+w.retries:
		w.wrong("request %d was sent %d times", a.id, a.calls)
	case w.running > w.allowed:
		w.wrong("%d calls at once, %d are allowed", w.running, w.allowed)
	}
	return a
}

func (w *world) leave(a *asked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.running--
	w.running--
	w.allowed = max(w.limit, w.running)
}

// serve is what becomes of a call in the service's present mood.
func (w *world) serve(ctx context.Context) error {
	most := 300 * time.Millisecond
	if w.dice(8) == 0 {
		most = 3 * time.Second // longer than an attempt may take
	}
	select {
	case <-time.After(w.some(most)):
	case <-ctx.Done():
		return provider.AsError(ctx.Err())
	}
	w.mu.Lock()
	mood := w.mood
	w.seen[mood] = true
	w.mu.Unlock()
	if mood == "mixed" && w.dice(3) > 0 {
		return nil
	}
	if mood == "mixed" {
		mood = []string{"fails", "limits", "refuses", "breaks", "limits by header"}[w.dice(5)]
	}
	switch mood {
	case "fails":
		return upstreamError()
	case "limits":
		return rateLimit(w.some(3 * time.Second))
	case "limits by header":
		e := rateLimit(0)
		e.RateLimits = []provider.RateLimit{{Meter: "requests", Limit: 600, Remaining: int64(w.dice(600)), Reset: 30 * time.Second}}
		return e
	case "refuses":
		return &provider.Error{Code: provider.CodeInvalidRequest, Source: provider.SourceUpstream}
	case "is out of money":
		return &provider.Error{Code: provider.CodeQuota, Source: provider.SourceUpstream, Message: "no money"}
	case "breaks":
		return &provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost}
	case "panics":
		panic("boom")
	default:
		return nil
	}
}

func (w *world) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	a := w.enter(req)
	defer w.leave(a)
	if err := w.serve(ctx); err != nil {
		return nil, err
	}
	w.done(a)
	return good(), nil
}

func (w *world) done(a *asked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.good = true
}

// begin is serve for an answer that goes on after it.
func (w *world) begin(ctx context.Context, leave func()) error {
	good := false
	defer func() {
		if !good { // it may have panicked
			leave()
		}
	}()
	err := w.serve(ctx)
	good = err == nil
	return err
}

// Stream sends a few chunks, and may break off or fall silent after them.
func (w *world) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	a := w.enter(req)
	leave := sync.OnceFunc(func() { w.leave(a) })
	if w.dice(2) == 0 {
		if err := w.begin(ctx, leave); err != nil {
			return nil, err
		}
	}
	s := newStream(ctx, started(), data("a").in(w.some(time.Second)), data("b").in(w.some(time.Second)))
	switch w.dice(6) {
	case 0:
		s.pieces = append(s.pieces, broken(upstreamError()))
	case 1: // silent from now on
	default:
		s.pieces = append(s.pieces, finished(4))
	}
	return &shown{counted: counted{fakeStream: s, leave: leave}, done: func() { w.done(a) }}, nil
}

// shown is a stream that is done once its end was read.
type shown struct {
	counted
	done func()
}

func (s *shown) Next() (provider.Event, error) {
	ev, err := s.counted.Next()
	if ev.Kind == provider.EventFinished {
		s.done()
	}
	return ev, err
}

// Transfer sends a few bytes.
func (w *world) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	a := w.enter(&req.Request)
	leave := sync.OnceFunc(func() { w.leave(a) })
	if err := w.begin(ctx, leave); err != nil {
		return nil, err
	}
	return &provider.TransferResponse{Body: &bytesOf{Reader: strings.NewReader("bytes"), leave: leave, done: func() { w.done(a) }}}, nil
}

// bytesOf is the body of a transfer; it counts as running until it is closed, and
// is done once it was read to the end.
type bytesOf struct {
	*strings.Reader
	leave, done func()
}

func (b *bytesOf) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.done()
	}
	return n, err
}

func (b *bytesOf) Close() error {
	b.leave()
	return nil
}

// RequestDone implements [Observer].
func (w *world) RequestDone(o Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, _ := strconv.Atoi(o.RequestID)
	w.all[id].outcomes++
}

// ended is the answer that a caller has got.
func (w *world) ended(a *asked, report status.Report, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.answers++; a.answers > 1 {
		w.wrong("request %d was answered twice", a.id)
	}
	var code provider.Code
	if err != nil {
		code = provider.AsError(err).Code
	}
	w.ends[code]++
	reasons := map[provider.Code]bool{
		"":                             a.good,
		provider.CodeCanceled:          a.left.Load(),
		provider.CodeShutdown:          w.seen["closed"],
		provider.CodeQuota:             w.seen["is out of money"],
		provider.CodeInternal:          w.seen["panics"],
		provider.CodeCircuitOpen:       w.seen["opened"] || w.e.breaker.Status().Trips > 0,
		provider.CodeUpstream:          true,
		provider.CodeRateLimit:         w.seen["limits"] || w.seen["limits by header"] || w.seen["mixed"],
		provider.CodeInvalidRequest:    w.seen["refuses"] || w.seen["mixed"],
		provider.CodePluginUnavailable: w.seen["breaks"] || w.seen["mixed"],
		provider.CodeTimeout:           true,
		provider.CodeQueueFull:         true,
	}
	if !reasons[code] {
		w.wrong("request %d ended for no reason with %v", a.id, err)
	}
	if report.Attempts != a.calls {
		w.wrong("request %d was sent %d times and reports %d", a.id, a.calls, report.Attempts)
	}
}
