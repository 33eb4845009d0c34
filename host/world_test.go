package host

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/balance"
	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/host/internal/hedge"
	"github.com/backplane-dev/backplane/host/internal/route"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// reply is what a fake service does with one call: it waits, then fails with err
// or answers; a stream breaks with broken after its first chunk, if that is set,
// and else sends a second one and ends.
type reply struct {
	after       time.Duration
	err, broken error
	rest        time.Duration // of a stream, between its chunks
}

// service is a fake provider's process with one service behind it. Each call is
// numbered from 1.
type service struct {
	answer func(n int) reply

	mu    sync.Mutex
	calls int
	reads bool // transfers read their upload before they answer
	open  int  // calls and streams that are not over
}

// always makes a service that does the same with each call.
func always(r reply) *service { return &service{answer: func(int) reply { return r }} }

func (s *service) begin() reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.open++
	return s.answer(s.calls)
}

func (s *service) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

func (s *service) count() (calls, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.open
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return provider.AsError(ctx.Err())
	}
}

// Call implements [endpoint.Backend].
func (s *service) Call(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
	r := s.begin()
	defer s.end()
	if err := wait(ctx, r.after); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	return &provider.Response{Body: []byte(`{}`)}, nil
}

// Stream implements [endpoint.Backend].
func (s *service) Stream(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
	return &events{s: s, ctx: ctx, reply: s.begin()}, nil
}

// Transfer implements [endpoint.Backend].
func (s *service) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	r := s.begin()
	defer s.end()
	if s.reads && req.Data != nil {
		if _, err := io.ReadAll(req.Data); err != nil {
			return nil, err
		}
	}
	if err := wait(ctx, r.after); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	return &provider.TransferResponse{Body: io.NopCloser(strings.NewReader("bytes"))}, nil
}

// events is a fake stream.
type events struct {
	s     *service
	ctx   context.Context
	reply reply
	sent  int
	once  sync.Once
}

func (e *events) Next() (provider.Event, error) {
	pause := e.reply.rest
	if e.sent == 0 {
		pause = e.reply.after
	}
	if err := wait(e.ctx, pause); err != nil {
		return provider.Event{}, err
	}
	e.sent++
	switch {
	case e.sent == 1 && e.reply.err != nil:
		return provider.Event{}, e.reply.err
	case e.sent == 2 && e.reply.broken != nil:
		return provider.Event{}, e.reply.broken
	case e.sent == 3:
		return provider.Event{Kind: provider.EventFinished, Finish: &provider.Finish{Reason: "stop"}}, nil
	}
	return provider.Event{Kind: provider.EventData, Chunks: [][]byte{[]byte(`{}`)}}, nil
}

func (e *events) Close() { e.once.Do(e.s.end) }

var operations = []provider.Operation{
	{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}},
	{Name: "speech", Modes: []provider.Mode{provider.ModeTransfer}},
	{Name: "batch", Modes: []provider.Mode{provider.ModeCall}, Unsafe: true},
}

// part is an endpoint of a world.
type part struct {
	id      string
	service *service
	backend endpoint.Backend // in place of service
	policy  func(*config.Policy)
	offers  []provider.Operation // operations if nil
	missing error                // its plugin
}

// world makes a host without processes: the route "r" leads to the endpoints in
// their order.
func world(rule route.Rule, parts ...part) *Host {
	h := new(Host)
	endpoints := make(map[string]*entry)
	var known []route.Endpoint
	rule.Pattern = "r"
	for _, p := range parts {
		policy := config.DefaultPolicy()
		policy.Retry.Max, policy.Queue.MaxConcurrent = 0, 0
		if p.policy != nil {
			p.policy(&policy)
		}
		manifest := provider.Manifest{Name: "fake", Operations: operations}
		if p.offers != nil {
			manifest.Operations = p.offers
		}
		if p.backend == nil {
			p.backend = p.service
		}
		endpoints[p.id] = &entry{
			config: config.Endpoint{ID: p.id, Provider: "fake", Policy: policy}, manifest: manifest,
			plugin: &running{missing: p.missing}, hedge: hedge.New(policy.Hedge), refused: new(atomic.Pointer[provider.Error]),
			endpoint: endpoint.New(endpoint.Config{ID: p.id, Provider: "fake", Manifest: manifest, Policy: policy, Backend: p.backend}),
		}
		known = append(known, route.Endpoint{ID: p.id})
		rule.Endpoints = append(rule.Endpoints, p.id)
	}
	rules := []route.Rule{rule}
	h.state.Store(&state{rules: rules, endpoints: endpoints, table: route.New(rules, known)})
	return h
}

// ordered is the rule of a route whose endpoints are tried in order.
func ordered() route.Rule { return route.Rule{} }

func balanced(kind balance.Kind) route.Rule { return route.Rule{Balance: balance.Rule{Kind: kind}} }

func chatRequest() *provider.Request {
	return &provider.Request{Operation: "chat", Model: "r", RequestID: "id", Body: []byte(`{}`)}
}

// ep finds an endpoint.
func (h *Host) ep(id string) *endpoint.Endpoint { return h.state.Load().endpoints[id].endpoint }

// finish reads a stream to its end, and returns the error that it ended with.
func finish(s provider.EventStream) error {
	defer s.Close()
	for {
		ev, err := s.Next()
		if err != nil {
			return err
		}
		if ev.Kind == provider.EventFinished {
			return nil
		}
	}
}

// wantQuiet checks that nothing is taken and nothing runs.
func wantQuiet(t *testing.T, h *Host, services ...*service) {
	t.Helper()
	for id, e := range h.state.Load().endpoints {
		s := e.endpoint.Stats()
		if s.InFlight != 0 || s.Queued != 0 || s.Requests != s.Success+s.Errors+s.Canceled {
			t.Errorf("%s is not quiet: %+v", id, s)
		}
	}
	for i, s := range services {
		if _, open := s.count(); open != 0 {
			t.Errorf("service %d still has %d calls", i, open)
		}
	}
}

// bubble runs f in virtual time, and for as long as the timers of circuit
// breakers run.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t)
		time.Sleep(time.Hour)
	})
}

func upstream(code provider.Code) *provider.Error {
	return &provider.Error{Code: code, Source: provider.SourceUpstream, Message: "the service's word"}
}
