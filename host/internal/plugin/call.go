package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxWait is how long a call waits for a process that starts or is about to
// start again, if its context does not end before. A start takes some tens of
// milliseconds; who waits for longer is better told.
const maxWait = 5 * time.Second

// Call runs an operation of mode "call" in the current process. All errors are
// [*provider.Error]s; a process that ended meanwhile gives
// CodePluginUnavailable with the way it ended.
func (p *Provider) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	g, err := p.leaseFor(ctx, req.Endpoint)
	if err != nil {
		return nil, err
	}
	defer g.release()
	g.calls.Add(1)
	resp, err := g.conn.Call(ctx, req)
	if err != nil {
		return nil, g.explain(ctx, err)
	}
	return resp, nil
}

// TestEndpoint asks the service behind an endpoint whether it answers.
func (p *Provider) TestEndpoint(ctx context.Context, req *provider.Request) error {
	g, err := p.leaseFor(ctx, req.Endpoint)
	if err != nil {
		return err
	}
	defer g.release()
	if err := g.conn.TestEndpoint(ctx, req); err != nil {
		return g.explain(ctx, err)
	}
	return nil
}

// Stream begins an operation of mode "stream". It holds its process until the
// terminal event or Close, so the stream must be closed.
func (p *Provider) Stream(ctx context.Context, req *provider.Request) (provider.EventStream, error) {
	g, err := p.leaseFor(ctx, req.Endpoint)
	if err != nil {
		return nil, err
	}
	g.calls.Add(1)
	inner, err := g.conn.Stream(ctx, req)
	if err != nil {
		g.release()
		return nil, g.explain(ctx, err)
	}
	return &leasedStream{inner: inner, hold: hold{ctx: ctx, g: g}}, nil
}

// Transfer runs an operation of mode "transfer". It holds its process until the
// body ended or was closed, so the body must be closed.
func (p *Provider) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	g, err := p.leaseFor(ctx, req.Endpoint)
	if err != nil {
		return nil, err
	}
	g.calls.Add(1)
	resp, err := g.conn.Transfer(ctx, req)
	if err != nil {
		g.release()
		return nil, g.explain(ctx, err)
	}
	resp.Body = &leasedBody{inner: resp.Body, hold: hold{ctx: ctx, g: g}}
	return resp, nil
}

// leaseFor takes a lease for a call to an endpoint.
func (p *Provider) leaseFor(ctx context.Context, endpoint string) (*generation, error) {
	g, err := p.lease(ctx)
	if err != nil {
		return nil, err
	}
	if err := g.refusal(endpoint); err != nil {
		g.release()
		return nil, err
	}
	return g, nil
}

// lease takes a lease on the current generation. While there is none it waits
// for the next, but not if that is out of reach.
func (p *Provider) lease(ctx context.Context) (*generation, error) {
	if g := p.current.Load(); g != nil && g.acquire() {
		return g, nil
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for {
		now, changed := p.state.get() // before the pointer: no publication is missed
		if g := p.current.Load(); g != nil && g.acquire() {
			return g, nil
		}
		if !now.hopeful() {
			return nil, p.unavailable(now)
		}
		if now.name == status.ProviderIdle {
			p.wakeUp()
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, p.unavailable(now)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, provider.AsError(ctx.Err())
			}
			return nil, p.unavailable(now)
		}
	}
}

// wakeUp asks for a process where none is needed so far.
func (p *Provider) wakeUp() {
	select {
	case p.wake <- struct{}{}:
	default: // somebody has asked
	}
}

// hopeful reports whether waiting for a process can help.
func (s situation) hopeful() bool {
	switch s.name {
	case status.ProviderStopped, status.ProviderFailed:
		return false
	case status.ProviderBackoff, status.ProviderQuarantined:
		return time.Until(s.next) <= maxWait
	default:
		return true
	}
}

// unavailable is the error for a call that found no process.
func (p *Provider) unavailable(now situation) error {
	e := &provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost}
	what := string(now.name)
	switch now.name {
	case status.ProviderStopped:
		e.Code = provider.CodeShutdown
	case status.ProviderFailed:
		e.Retry = provider.RetryNever
	case status.ProviderQuarantined:
		e.RetryAfter = max(time.Until(now.next), time.Millisecond)
		what = "quarantined"
	case status.ProviderBackoff:
		e.RetryAfter = max(time.Until(now.next), time.Millisecond)
		what = fmt.Sprintf("waiting %v to start again", e.RetryAfter.Round(time.Millisecond))
	default: // starting, or between two states
		e.RetryAfter = time.Second
		what = "starting"
		if now.reason != "" {
			what = "starting again"
		}
	}
	e.Message = fmt.Sprintf("provider %q is %s", p.Spec().Name, what)
	if now.reason != "" {
		e.Message += ": " + printable(now.reason, 1000)
	}
	return e
}

// hold is a lease that is given back once, however a call ends.
type hold struct {
	ctx  context.Context // of the call, to tell a cancel from a lost connection
	g    *generation
	once sync.Once
}

func (h *hold) release() { h.once.Do(h.g.release) }

// fail gives the lease back and explains the error that ended the call.
func (h *hold) fail(err error) error {
	h.release()
	if err == io.EOF { //nolint:errorlint // a lost connection may have io.EOF as its cause
		return io.EOF
	}
	return h.g.explain(h.ctx, err)
}

// leasedStream is a stream that holds its generation.
type leasedStream struct {
	inner provider.EventStream
	hold
}

// Next implements [provider.EventStream].
func (s *leasedStream) Next() (provider.Event, error) {
	event, err := s.inner.Next()
	if err != nil {
		return event, s.fail(err)
	}
	if event.Kind == provider.EventFinished {
		s.release()
	}
	return event, nil
}

// Close implements [provider.EventStream].
func (s *leasedStream) Close() {
	s.inner.Close()
	s.release()
}

// leasedBody is the body of a transfer that holds its generation.
type leasedBody struct {
	inner io.ReadCloser
	hold
}

func (b *leasedBody) Read(p []byte) (int, error) {
	n, err := b.inner.Read(p)
	if err != nil {
		err = b.fail(err)
	}
	return n, err
}

func (b *leasedBody) Close() error {
	err := b.inner.Close()
	b.release()
	return err
}
