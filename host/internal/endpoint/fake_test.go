package endpoint

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a fake backend. Each method that is nil must not be called.
type fake struct {
	call     func(ctx context.Context, req *provider.Request) (*provider.Response, error)
	stream   func(ctx context.Context, req *provider.Request) (provider.EventStream, error)
	transfer func(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error)

	mu    sync.Mutex
	calls []time.Time
}

func (f *fake) note() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, time.Now())
}

// count is the number of calls so far.
func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

func (f *fake) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	f.note()
	return f.call(ctx, req)
}

func (f *fake) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	f.note()
	return f.stream(ctx, req)
}

func (f *fake) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	f.note()
	return f.transfer(ctx, req)
}

// script is a fake backend that answers call number n with what answer says:
// an error, or nil for success.
func script(answer func(n int) error) *fake {
	f := &fake{}
	f.call = func(context.Context, *provider.Request) (*provider.Response, error) {
		if err := answer(f.count()); err != nil {
			return nil, err
		}
		return good(), nil
	}
	return f
}

func good() *provider.Response {
	return &provider.Response{
		Meta: provider.Meta{Usage: &provider.Usage{Input: 3, Output: 4, Total: 7}}, Body: []byte(`{"ok":true}`),
	}
}

// hang waits until the context ends, as a backend does whose service is silent.
func hang(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
	<-ctx.Done()
	return nil, provider.AsError(ctx.Err())
}

// work answers after d unless the context ends first.
func work(d time.Duration) func(context.Context, *provider.Request) (*provider.Response, error) {
	return func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
		select {
		case <-time.After(d):
			return good(), nil
		case <-ctx.Done():
			return hang(ctx, req)
		}
	}
}

// piece is one event of a fake stream, after a pause. Without an event it is
// the error that ends the stream.
type piece struct {
	after time.Duration
	event provider.Event
	err   error
}

func started() piece {
	return piece{event: provider.Event{Kind: provider.EventStarted, Meta: &provider.Meta{Status: 200}}}
}
func heartbeat() piece { return piece{event: provider.Event{Kind: provider.EventHeartbeat}} }
func data(s string) piece {
	return piece{event: provider.Event{Kind: provider.EventData, Chunks: [][]byte{[]byte(s)}}}
}
func used(n int64) piece {
	return piece{event: provider.Event{Kind: provider.EventUsage, Usage: &provider.Usage{Output: n}}}
}
func finished(n int64) piece {
	return piece{event: provider.Event{
		Kind: provider.EventFinished, Finish: &provider.Finish{Reason: "stop", Usage: &provider.Usage{Output: n}},
	}}
}
func broken(err error) piece { return piece{err: err} }
func (p piece) in(d time.Duration) piece {
	p.after = d
	return p
}

// fakeStream is a fake of a stream that a plugin sends. At the end of its
// pieces it is silent.
type fakeStream struct {
	ctx    context.Context
	mu     sync.Mutex
	pieces []piece
	closed chan struct{}
	once   sync.Once
}

func newStream(ctx context.Context, pieces ...piece) *fakeStream {
	return &fakeStream{ctx: ctx, pieces: pieces, closed: make(chan struct{})}
}

func (s *fakeStream) take() piece {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pieces) == 0 {
		return piece{after: 1000 * time.Hour, err: io.EOF}
	}
	p := s.pieces[0]
	s.pieces = s.pieces[1:]
	return p
}

func (s *fakeStream) Next() (provider.Event, error) {
	p := s.take()
	timer := time.NewTimer(p.after)
	defer timer.Stop()
	select {
	case <-timer.C:
		return p.event, p.err
	case <-s.ctx.Done():
		return provider.Event{}, provider.AsError(s.ctx.Err())
	case <-s.closed:
		return provider.Event{}, provider.AsError(context.Canceled)
	}
}

func (s *fakeStream) Close() { s.once.Do(func() { close(s.closed) }) }

// streams is a fake backend whose stream number n sends the given pieces.
func streams(pieces func(n int) []piece) *fake {
	f := &fake{}
	f.stream = func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
		return newStream(ctx, pieces(f.count())...), nil
	}
	return f
}

func manifest() provider.Manifest {
	return provider.Manifest{
		Name: "fake",
		Operations: []provider.Operation{
			{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}},
			{Name: "embeddings", Modes: []provider.Mode{provider.ModeCall}},
			{Name: "files.get", Modes: []provider.Mode{provider.ModeTransfer}},
			{Name: "files.upload", Modes: []provider.Mode{provider.ModeTransfer, provider.ModeCall}, Unsafe: true},
		},
	}
}

// steady is the default policy without jitter in retries.
func steady() config.Policy {
	p := config.DefaultPolicy()
	p.Retry.Jitter = 0
	return p
}

// alone is a policy without retries and breaker.
func alone() config.Policy {
	p := steady()
	p.Retry.Max, p.Breaker.Enabled = 0, false
	return p
}

// observed is a fake observer that remembers.
type observed struct {
	mu  sync.Mutex
	all []Outcome
}

func (o *observed) RequestDone(out Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, out)
}

func (o *observed) outcomes() []Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Outcome(nil), o.all...)
}

func build(policy config.Policy, b Backend) (*Endpoint, *observed) {
	o := &observed{}
	return New(Config{
		ID: "e", Provider: "fake", Model: "default-model", Revision: 4, Manifest: manifest(), Policy: policy, Backend: b, Observer: o,
	}), o
}

func chat() *provider.Request {
	return &provider.Request{Operation: "chat", Model: "m", RequestID: "id-1", Body: []byte(`{"messages":[]}`)}
}

// bubble runs f in a bubble that outlives the breaker's timers.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t)
		time.Sleep(time.Hour)
	})
}

func wantCode(t *testing.T, err error, want provider.Code) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, want)
	}
	if e.Code != want {
		t.Fatalf("got %v, want %s", e, want)
	}
	return e
}

// wantQuiet checks that nothing of the endpoint is taken and every request has
// ended in exactly one way.
func wantQuiet(t *testing.T, e *Endpoint) status.Stats {
	t.Helper()
	s := e.Stats()
	if s.InFlight != 0 || s.Queued != 0 || s.QueuedBytes != 0 {
		t.Errorf("%d slots and %d places (%d bytes) are still taken", s.InFlight, s.Queued, s.QueuedBytes)
	}
	if s.Requests != s.Success+s.Errors+s.Canceled {
		t.Errorf("%d requests but %d + %d + %d ends", s.Requests, s.Success, s.Errors, s.Canceled)
	}
	return s
}

func upstreamError() *provider.Error {
	return &provider.Error{Code: provider.CodeUpstream, StatusCode: 503, Message: "it broke", Source: provider.SourceUpstream}
}

func rateLimit(after time.Duration) *provider.Error {
	return &provider.Error{
		Code: provider.CodeRateLimit, StatusCode: 429, Message: "slow down", Source: provider.SourceUpstream, RetryAfter: after,
	}
}
