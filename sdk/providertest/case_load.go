package providertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// loadCases look at many and at large requests.
var loadCases = []testCase{
	{
		name:   "load/parallel",
		why:    "the host calls one endpoint from many goroutines at once",
		advice: "make endpoints safe for concurrent use; run the provider's tests with -race",
		run:    parallelCalls,
	},
	{
		name:   "load/large-body",
		why:    "requests with images are megabytes large; gRPC's own limit of 4 MiB is too small",
		advice: "raise the server's message limit to the manifest's max_request_bytes (32 MiB if it does not say); the Go SDK does so",
		run:    largeBody, timeout: 90 * time.Second,
	},
	{
		name:   "load/oversized-body",
		why:    "a request that is too large must be told from a service in trouble",
		advice: "answer a body over max_request_bytes with the code \"too_large\"; the Go SDK does so",
		run:    oversizedBody, timeout: 30 * time.Second,
	},
	{
		name:   "load/panic",
		why:    "one bad request must not end the process, and with it the requests of all others",
		advice: "recover from panics in handlers and answer with the code \"internal\"; the Go SDK does so, but not in goroutines that a provider starts by itself",
		run:    survivesPanic,
	},
}

func parallelCalls(ctx context.Context, l *lab) error {
	const calls = 32
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		errs = make([]error, calls)
	)
	mark := func(i int) string { return fmt.Sprintf("marker%04d", i) }
	for i := range calls {
		wg.Go(func() {
			resp, err := b.answer(ctx, b.request(s, mark(i)))
			if err != nil {
				errs[i] = err
				return
			}
			errs[i] = l.onlyOwn(s, string(resp.Body), mark(i), calls, mark)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("of %d calls at once: %w", calls, err)
		}
	}
	return nil
}

// onlyOwn reports an answer that carries the marker of another call or, where
// the service says the prompt back, lacks its own.
func (l *lab) onlyOwn(s Sample, answer, own string, calls int, mark func(int) string) error {
	if l.speaksOpenAI() && s.builtin && s.Operation == provider.OpChat && !strings.Contains(answer, own) {
		return fmt.Errorf("the answer to %s is another one: %s", own, clip([]byte(answer)))
	}
	for i := range calls {
		if m := mark(i); m != own && strings.Contains(answer, m) {
			return fmt.Errorf("the answer to %s carries the text of %s", own, m)
		}
	}
	return nil
}

func largeBody(ctx context.Context, l *lab) error {
	const size = 5 << 20
	if limit := l.manifest.Limits.MaxRequestBytes; limit > 0 && limit < size+4096 {
		return skipf("the manifest limits requests to %d bytes", limit)
	}
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	if !strings.Contains(s.Body, "{{prompt}}") {
		return skipf("the sample of %s has no place for a prompt", s.Operation)
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	if l.service != nil {
		l.service.script(nil)
	}
	req := b.request(s, strings.Repeat("x", size))
	req.Timeout = time.Minute // a busy machine may take its time; whether it fits is the question
	if _, err := b.answer(ctx, req); err != nil {
		return fmt.Errorf("a body of 5 MiB was refused: %w", err)
	}
	if l.service == nil || l.service.Translated {
		return nil
	}
	got, err := l.service.first(ctx)
	if err == nil && len(got.body) < size {
		return fmt.Errorf("of a body of 5 MiB the service received %d bytes", len(got.body))
	}
	return err
}

func oversizedBody(ctx context.Context, l *lab) error {
	limit := l.manifest.Limits.MaxRequestBytes
	if limit == 0 {
		limit = 32 << 20
	}
	if limit > 128<<20 {
		return skipf("the manifest allows requests of %d bytes; this one would be too large for the test", limit)
	}
	op := l.manifest.Operations[0]
	s, _ := l.sampleOf(op.Name, op.Modes[0])
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	if s.Mode == provider.ModeTransfer {
		return skipf("the first operation is a transfer, which is not limited in size")
	}
	var bad []error
	for _, over := range []int64{1, 4 << 20} {
		req := b.request(s, "hello")
		req.Body = []byte(`{"padding":"` + strings.Repeat("x", int(limit+over)) + `"}`)
		err := b.raw(ctx, s.Mode, req)
		if err == nil {
			bad = append(bad, fmt.Errorf("a body of %d bytes was accepted, the limit is %d", len(req.Body), limit))
		} else if code := provider.AsError(err).Code; code != provider.CodeTooLarge {
			bad = append(bad, fmt.Errorf("a body of %d bytes, with a limit of %d, failed with the code %q: %w", len(req.Body), limit, code, err))
		}
	}
	return errors.Join(bad...)
}

func survivesPanic(ctx context.Context, l *lab) error {
	if l.Panic == nil {
		return skipf("the run gives no request that makes the provider panic (Panic)")
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	err = b.raw(ctx, l.Panic.Mode, b.request(*l.Panic, "hello"))
	if code := provider.AsError(err).Code; err == nil || code != provider.CodeInternal {
		return fmt.Errorf("a request on which the provider panics ended with: %w", err)
	}
	if _, err := l.conn.Health(ctx); err != nil {
		return fmt.Errorf("after a panic Health failed: %w", err)
	}
	return nil
}
