package providertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// patience is the time in which a provider must let go of a cancelled request.
const patience = time.Second

// cancelCases look at requests that end before their answer.
var cancelCases = []testCase{
	{
		name:   "cancel/stream",
		why:    "a caller who leaves in mid-stream should cost nothing from then on: services charge for what they generate",
		advice: "bind the request to the service to the context of the call, and return the error that Send gives; pkg net/http: NewRequestWithContext",
		run:    cancelStream,
	},
	{
		name:   "cancel/call",
		why:    "a caller who leaves while the service thinks should cost nothing from then on",
		advice: "bind the request to the service to the context of the call; pkg net/http: NewRequestWithContext",
		run:    cancelCall,
	},
	{
		name:   "timeout/call",
		why:    "a timeout is retried and counts against the service; a bare broken connection does not",
		advice: "give up at the envelope's attempt_timeout and answer with the code \"timeout\"; in Go return the context's error",
		run: func(ctx context.Context, l *lab) error {
			return attemptTimeout(ctx, l, provider.ModeCall)
		},
	},
	{
		name:   "timeout/stream",
		why:    "a stream whose service stays silent must end as a timeout, so that the host can try again",
		advice: "give up if the first chunk has not arrived at the envelope's attempt_timeout and answer with the code \"timeout\"; in Go return the context's error",
		run: func(ctx context.Context, l *lab) error {
			return attemptTimeout(ctx, l, provider.ModeStream)
		},
	},
}

// slowEndpoint opens an endpoint whose streams hang after their first chunk.
func (l *lab) slowEndpoint(ctx context.Context) (*bench, error) {
	if l.service != nil {
		b, err := l.open(ctx)
		l.service.script(holdStream(nil))
		return b, err
	}
	if l.Slow == nil {
		return nil, skipf("the kit cannot stand in for this provider's service, and the run gives no settings (Slow) that make streams slow")
	}
	return l.open(ctx, l.Slow)
}

func cancelStream(ctx context.Context, l *lab) error {
	s, err := l.anySample(provider.ModeStream)
	if err != nil {
		return err
	}
	b, err := l.slowEndpoint(ctx)
	if err != nil {
		return err
	}
	callCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := b.rawStream(callCtx, b.request(s, "one two three four five six seven"))
	if err != nil {
		return err
	}
	t := &transcript{}
	for t.count("data") == 0 {
		event, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("the stream failed before its first chunk, although the service sent one: %w", err)
		}
		t.add(event)
	}
	cancel()
	return l.mustLetGo(ctx)
}

func cancelCall(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	l.service.script(hang)
	callCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := b.call(callCtx, s)
		failed <- err
	}()
	if _, err := l.service.first(ctx); err != nil {
		return err
	}
	cancel()
	if err := l.mustLetGo(ctx); err != nil {
		return err
	}
	if code := provider.AsError(<-failed).Code; code != provider.CodeCanceled {
		return fmt.Errorf("a cancelled call ended with the code %q", code)
	}
	return nil
}

// mustLetGo waits until the service's side of the request is closed and the
// plugin works on nothing any more.
func (l *lab) mustLetGo(ctx context.Context) error {
	limit := time.After(patience)
	if l.service != nil {
		got, err := l.service.first(ctx)
		if err != nil {
			return err
		}
		select {
		case <-got.left:
		case <-limit:
			return fmt.Errorf("%v after the cancel the connection to the service is still open", patience)
		}
	}
	for {
		h, err := l.conn.Health(ctx)
		if err != nil {
			return fmt.Errorf("Health failed: %w", err)
		}
		if h.InFlight == 0 {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-limit:
			return fmt.Errorf("%v after the cancel Health still reports %d calls in flight", patience, h.InFlight)
		}
	}
}

func attemptTimeout(ctx context.Context, l *lab, mode provider.Mode) error {
	const limit = 300 * time.Millisecond
	s, err := l.anySample(mode)
	if err != nil {
		return err
	}
	b, err := l.silentEndpoint(ctx)
	if err != nil {
		return err
	}
	req := b.request(s, "hello")
	req.Timeout = limit
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // later than the attempt's
	defer cancel()
	err = b.raw(ctx, mode, req)
	took := time.Since(begin).Round(time.Millisecond)
	var e *provider.Error
	switch {
	case err == nil:
		return errors.New("the request was answered although the service is silent")
	case !errors.As(err, &e) || e.Code != provider.CodeTimeout:
		return fmt.Errorf("with an attempt timeout of %v the request failed after %v with: %w", limit, took, err)
	case took < limit-50*time.Millisecond || took > limit+patience:
		return fmt.Errorf("with an attempt timeout of %v the request failed after %v", limit, took)
	default:
		return nil
	}
}

// silentEndpoint opens an endpoint whose service does not answer at all.
func (l *lab) silentEndpoint(ctx context.Context) (*bench, error) {
	if l.service != nil {
		b, err := l.open(ctx)
		l.service.script(hang)
		return b, err
	}
	if l.Silent == nil {
		return nil, skipf("the kit cannot stand in for this provider's service, and the run gives no settings (Silent) that delay answers")
	}
	return l.open(ctx, l.Silent)
}
